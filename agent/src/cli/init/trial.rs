//! A message is taken for a trial: the whole road with the new configuration, in a folder that is thrown
//! away, on ports of its own, and with the records going into that folder.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::super::demo::{Folder, SAMPLES, over, post};
use super::super::ended::ended;
use super::super::{Exit, runtime};
use super::channel::Channel;
use crate::clock;
use crate::config::{Config, ForwardConfig};
use crate::master_key::KeySource;
use crate::pipeline::{self, Inbound, Verdict};
use crate::sets::Sets;
use crate::{supervise, telemetry};

pub(super) fn run(config: &Config, sets: Sets, channel: &Channel) -> Result<Exit, Exit> {
    let runtime = runtime()?;
    let nowhere = |error| {
        eprintln!("试收报文没有地方：{error}");
        Exit::Unavailable
    };
    let ended = ended(&runtime).map_err(nowhere)?;
    let folder = Folder::new().map_err(nowhere)?;
    telemetry::log_to_terminal("error");
    let [first, ..] = &SAMPLES;
    let (name, bytes, content_type) = match &channel.sample {
        Some(bytes) => (channel.name.as_str(), bytes.as_slice(), "application/octet-stream"),
        None => (first.channel, first.bytes, first.content_type),
    };
    if !config.channels.iter().any(|it| it.name == name) {
        say!(
            "没有样例报文，没有试收：以后用 his-agent translate --channel {} 报文文件 试",
            channel.name
        );
        return Ok(Exit::Ok);
    }
    let records = records(config, &sets, name, content_type, bytes);
    let config = elsewhere(config, &folder.path);
    let sent = runtime.block_on(send(config, sets, (name, content_type, bytes), ended));
    drop(runtime); // before the folder
    match sent {
        Ok(Some(told)) => Ok(tell(&told, records.as_deref())),
        Ok(None) => {
            // The terminal may be what has gone.
            drop(writeln!(std::io::stderr(), "试收被打断，没有做完；配置已经写好"));
            Ok(Exit::Waiting)
        }
        Err(error) => {
            eprintln!("试收没有做成：{error:#}");
            Err(Exit::Internal)
        }
    }
}

/// The same configuration, touching nothing of this machine's.
fn elsewhere(config: &Config, folder: &Path) -> Config {
    let mut config = config.clone();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    (config.listen.his, config.listen.operators) = (any, any);
    config.outbox.dir = folder.join("outbox");
    (config.outbox.key, config.outbox.key_file) = (KeySource::Beside, None);
    config.control.socket = folder.join("control.sock");
    config.quality.dir = folder.join("quality");
    config.history.key_file = folder.join("patient.key");
    config.sets.archive = folder.join("sets");
    config.versions.dir = folder.join("versions");
    config.calls.dir = folder.join("calls");
    config.patrol.keep_days = 0;
    config.forward = ForwardConfig::Files { dir: folder.join("records") };
    config
}

/// What the HIS would be answered: status and text; nothing when somebody ends the command first.
async fn send(
    config: Config,
    sets: Sets,
    (channel, content_type, bytes): (&str, &str, &[u8]),
    ended: impl Future<Output = ()>,
) -> anyhow::Result<Option<(u16, String)>> {
    let running = supervise::start(config, sets).await?;
    let path = format!("/v1/channels/{channel}/messages");
    let reply = tokio::time::timeout(ANSWER_MAX, post(running.his, &path, content_type, bytes));
    let reply = tokio::select! {
        reply = reply => Some(reply),
        () = ended => None,
    };
    over(running).await?;
    let Some(reply) = reply else { return Ok(None) };
    let reply = reply??;
    Ok(Some((reply.status, reply.body)))
}

/// The entities of the records that the message becomes; nothing if it is refused. The answer alone does
/// not tell: many dialects refuse with 200.
fn records(
    config: &Config,
    sets: &Sets,
    channel: &str,
    content_type: &str,
    bytes: &[u8],
) -> Option<Vec<String>> {
    let inbound = Inbound {
        message_id: "init",
        received_at: clock::now(),
        org: &config.hospital.code,
        bytes,
        content_type: Some(content_type),
    };
    let drafts = match pipeline::judge(sets.channels.get(channel)?, &inbound, &config.listen.limits)
    {
        Verdict::Accept(accepted) => accepted.drafts,
        Verdict::Park(parked) => parked.accepted.drafts,
        Verdict::Refuse(_) => return None,
    };
    Some(drafts.into_iter().map(|it| it.entity).collect())
}

fn tell((status, body): &(u16, String), records: Option<&[String]>) -> Exit {
    if let (200, Some(records)) = (*status, records) {
        say!("试收\n  收下了：{} 条标准记录（没有送出，也没有留下）", records.len());
        for entity in records {
            say!("  {entity}");
        }
        return Exit::Ok;
    }
    let told: String = body.chars().take(SHOWN_MAX).collect();
    say!("试收\n  没有收下（HTTP {status}），HIS 会听到：\n{told}");
    Exit::Data
}

const ANSWER_MAX: Duration = Duration::from_secs(30);
const SHOWN_MAX: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_with_200_is_a_refusal() {
        let records = ["outpatient_prescription".to_owned()];
        let check = |status, records: Option<&[String]>, exit| {
            assert_eq!(tell(&(status, "<AA/>".to_owned()), records), exit, "{status} {records:?}");
        };
        check(200, Some(&records), Exit::Ok);
        check(200, None, Exit::Data);
        check(503, Some(&records), Exit::Data);
    }
}
