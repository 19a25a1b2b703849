//! `his-agent channel view-try`: logs in as the daemon would and shows what the view has and becomes.
//! Nothing is stored. Values are masked; what a driver says is shown in full, since a person asked.

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::super::{ConfigArgument, Exit};
use crate::clock;
use crate::config::{ChannelConfig, Config, ViewConfig};
use crate::intake::view::{Refused, Session, Trouble, document};
use crate::journey::masked_text;
use crate::odbc::{Broken, Kind, Page};
use crate::pipeline::{self, Accepted, Inbound, Verdict};
use crate::sets::Channel;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 通道名 | channel
    #[arg(long, value_name = "NAME")]
    channel: String,
    /// 显示多少行 | how many rows
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rows: u16,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let (config, sets) = match arguments.config.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let channel = config.channels.iter().find(|it| it.name == arguments.channel);
    let view = channel.and_then(|it| Some((it, it.view.as_ref()?)));
    let Some((ChannelConfig { name, .. }, view)) = view else {
        eprintln!("没有带 [channel.view] 的通道 `{}`", arguments.channel);
        return Exit::Usage;
    };
    let mut view: ViewConfig = view.clone();
    view.page_rows = arguments.rows.into();
    let view = &view;
    let stop = CancellationToken::new();
    let page = Session::open(name, view, &stop).and_then(|mut session| {
        tell_database(&session);
        let sql = session.pages(view).first(None);
        say!("\n查询：{sql}");
        session.select(&sql, view, &stop)
    });
    match page {
        Ok(page) => tell_page(&config, sets.channels.get(name), &page),
        Err(refused) => tell_refusal(&refused),
    }
}

fn tell_database(session: &Session) {
    say!("连上了：{} {}\n\n列：", session.dbms, session.version);
    for column in &session.columns {
        let kind = match column.kind {
            Kind::Number => "数",
            Kind::Moment => "日期时间",
            Kind::Text => "文字",
            Kind::Filled => "定长文字",
            Kind::Bytes => "字节（base64）",
        };
        say!("  {}  {kind}，{}", column.name, column.size);
    }
}

fn tell_page(config: &Config, channel: Option<&std::sync::Arc<Channel>>, page: &Page) -> Exit {
    say!("\n前 {} 行（值已遮盖）：", page.rows.len());
    let documents: Vec<_> = page.rows.iter().map(|it| document(&page.columns, it)).collect();
    for it in &documents {
        say!("  {}", masked_text(&it.text));
        if !it.lost.is_empty() {
            say!("    读不出：{}（I207：不在所配的编码里，或太长）", it.lost.join("、"));
        }
    }
    let (Some(channel), Some(first)) = (channel, documents.first()) else {
        say!("  没有行");
        return Exit::Ok;
    };
    tell_records(config, channel, &first.text)
}

fn tell_records(config: &Config, channel: &Channel, text: &str) -> Exit {
    let inbound = Inbound {
        message_id: "dry-run",
        received_at: clock::now(),
        org: &config.hospital.code,
        bytes: text.as_bytes(),
        content_type: Some("application/json; charset=utf-8"),
    };
    match pipeline::judge(channel, &inbound, &config.listen.limits) {
        Verdict::Accept(accepted) => tell_accepted(&accepted),
        Verdict::Park(parked) => {
            tell_accepted(&parked.accepted);
            for it in &parked.unknown {
                say!("  待对照：{} 的 `{}` 不在 {} 里", it.element, it.code, it.map);
            }
        }
        Verdict::Refuse(refusal) => {
            say!("\n第一行会被拒收：{} {}", refusal.code, refusal.message);
            for it in &refusal.findings {
                say!("  {} {}：{}", it.code, it.element, it.expected);
            }
            return Exit::Data;
        }
    }
    Exit::Ok
}

fn tell_accepted(accepted: &Accepted) {
    let mapping = accepted.reading.mapping.as_deref().unwrap_or("-");
    say!("\n第一行变成的记录（映射 {mapping}，值已遮盖）：");
    for draft in &accepted.drafts {
        say!("  {} {}", draft.entity, masked_text(&format!("{{{}}}", draft.tail)));
    }
}

fn tell_refusal(refused: &Refused) -> Exit {
    let (trouble, said) = match refused {
        Refused::Broken(broken) => (Trouble::of_worker(broken), broken.to_string()),
        Refused::Failed { failure, at_login } => {
            (Trouble::of(failure, *at_login), failure.text.clone())
        }
        Refused::NoColumn(name) => {
            let reason = format!("视图里没有 `{name}` 这一列");
            (Trouble { code: "I206", reason }, String::new())
        }
    };
    eprintln!("{}：{}", trouble.code, trouble.reason);
    if !said.is_empty() {
        eprintln!("  原话：{said}");
    }
    if let Some(remedy) = crate::codes::remedy(trouble.code) {
        eprintln!("  怎么办：{remedy}");
    }
    match refused {
        Refused::Broken(Broken::NotStarted(_)) => Exit::Internal,
        Refused::NoColumn(_) => Exit::Config,
        _ => Exit::Unavailable,
    }
}
