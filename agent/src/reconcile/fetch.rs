//! Fetches the HIS's own totals of the day before, where a channel says where they are: in the words of
//! [`super::his`], or in the HIS's own, which then go the way of its messages.

use std::sync::Arc;
use std::time::Instant;

use jiff::civil::Date;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::daily::{LOOK_EVERY, TRY_AGAIN, due};
use super::run::with;
use super::{Sent, his, take_totals};
use crate::clock;
use crate::config::{ChannelConfig, TotalsConfig};
use crate::intake::{self, Road};
use crate::relay::exchange::{Client, Request};

/// Fetches until told to stop; channels are independent of each other.
pub(crate) async fn fetch_totals(road: Arc<Road>, stop: CancellationToken) {
    let all = road.config.channels.iter().filter(|it| it.totals.is_some());
    let each = all.map(|it| of_channel(&road, it, &stop));
    futures_util::future::join_all(each).await;
}

async fn of_channel(road: &Arc<Road>, channel: &ChannelConfig, stop: &CancellationToken) {
    let Some(config) = &channel.totals else { return };
    let client = Client::new(config.ca_file.as_deref()).unwrap_or_else(|error| {
        tracing::error!(code = "I116", %error, channel = channel.name, "ca_file cannot be used");
        Client::without_tls()
    });
    let client = Arc::new(client);
    while !stop.is_cancelled() {
        let mut is_done = true;
        for day in due(clock::now_for_ageing(), config.daily_at) {
            let day = day_of(day);
            if !stop.is_cancelled() && is_wanted(road, &channel.name, &day).await {
                is_done &= once(road, (channel, config), &client, &day).await;
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(if is_done { LOOK_EVERY } else { TRY_AGAIN }) => {}
        }
    }
}

/// Whether the totals of a day are still to be had: not here yet, and of a day with an account.
async fn is_wanted(road: &Arc<Road>, channel: &str, day: &str) -> bool {
    let (channel, day) = (channel.to_owned(), day.to_owned());
    let wanted = with(road, move |opened| {
        let number = super::follow::day_of(&day);
        let is_known = number >= opened.forgotten()? && opened.has_account(number)?;
        Ok(is_known && !opened.totals_of(&day).contains_key(&channel))
    });
    wanted.await.unwrap_or(false)
}

/// Fetches the totals of one day. False when it has to be tried again.
async fn once(
    road: &Arc<Road>,
    (channel, config): (&ChannelConfig, &TotalsConfig),
    client: &Arc<Client>,
    day: &str,
) -> bool {
    let name = &channel.name;
    let taken = match answered(config, client, day).await {
        Ok(bytes) => taken(road, name, bytes).await,
        Err(why) => Err(why),
    };
    let taken = match taken {
        Ok(()) if is_wanted(road, name, day).await => Err("答复里没有这一天的合计".to_owned()),
        taken => taken,
    };
    match taken {
        Ok(()) => tracing::info!(channel = name, day, "the totals of the HIS were fetched"),
        Err(why) => {
            tracing::error!(code = "O507", channel = name, day, why, "no totals of the HIS");
            return false;
        }
    }
    true
}

async fn answered(
    config: &TotalsConfig,
    client: &Arc<Client>,
    day: &str,
) -> Result<(Option<String>, Vec<u8>), String> {
    let Some(target) = config.url.clone() else { return Err("没有地址".to_owned()) };
    let path = target.path("").replace("{day}", day);
    let (headers, body) = (config.headers.clone(), bytes::Bytes::new());
    let request = Request { verb: "GET", target, path, headers, body };
    let (client, until) = (Arc::clone(client), Instant::now() + config.timeout);
    let asking = tokio::task::spawn_blocking(move || client.ask(&request, until));
    let reply = asking.await.map_err(|_| "程序出错".to_owned())?;
    match reply {
        Ok(reply) if reply.status == 200 => Ok((reply.content_type, reply.body)),
        Ok(reply) => Err(format!("答复 {}", reply.status)),
        Err(why) => Err(format!("没有问到：{}", why.name())),
    }
}

async fn taken(
    road: &Arc<Road>,
    channel: &str,
    (content_type, bytes): (Option<String>, Vec<u8>),
) -> Result<(), String> {
    let limits = road.config.listen.limits;
    let text = adapters::text(&bytes, content_type.as_deref(), &limits)
        .map_err(|error| error.to_string())?;
    if !his::is_ours(&text) {
        let response = intake::receive_fetched(road, channel, content_type, bytes.into()).await;
        return if response.status().is_success() {
            Ok(())
        } else {
            Err("通道的映射没有收下，见死信".to_owned())
        };
    }
    match take_totals(road, channel, &text).await {
        Ok(Sent::Kept(_)) => Ok(()),
        Ok(Sent::Unreadable(problems)) => Err(problems.join("；")),
        Ok(Sent::OtherDay(problem)) => Err(problem),
        Err(error) => Err(error.to_string()),
    }
}

fn day_of(day: Date) -> String {
    day.strftime("%Y%m%d").to_string()
}
