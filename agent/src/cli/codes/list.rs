//! `his-agent codes list`

use std::collections::BTreeSet;

use serde::Deserialize;

use super::super::asking::unanswered;
use super::{ConfigArgument, Exit, load};
use crate::control::client::{self, ControlError};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 输出 CSV：填好 standard 列，交给 codes map --from | CSV to fill in for codes map --from
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// 输出 JSON | as JSON
    #[arg(long)]
    json: bool,
}

/// What the daemon says; more members may come with a later one.
#[derive(Debug, Deserialize)]
struct Listing {
    codes: Vec<Waiting>,
    messages: u64,
    behind: u64,
}

#[derive(Debug, Deserialize)]
struct Waiting {
    map: String,
    local: String,
    elements: BTreeSet<String>,
    channels: BTreeSet<String>,
    messages: u64,
    first_message_id: String,
    first_received_at: String,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = match load(&arguments.config) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let data = match client::get(&config.control.socket, "/admin/v1/codes") {
        Ok(data) => data,
        Err(error) => return unanswered(&error),
    };
    if arguments.json {
        say!("{data:#}");
        return Exit::Ok;
    }
    let listing: Listing = match serde_json::from_value(data) {
        Ok(listing) => listing,
        Err(error) => {
            return unanswered(&ControlError::Garbled(error.to_string()));
        }
    };
    if arguments.csv {
        csv(&listing);
    } else {
        table(&listing);
    }
    Exit::Ok
}

fn table(listing: &Listing) {
    let Listing { codes, messages, behind } = listing;
    if !codes.is_empty() {
        say!("码表\t院内代码\t数据元\t等待的报文\t最早收到\t最早的报文\t通道");
    }
    for it in codes {
        say!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}",
            it.map,
            it.local,
            joined(&it.elements),
            it.messages,
            it.first_received_at,
            it.first_message_id,
            joined(&it.channels)
        );
    }
    eprintln!("{} 个代码待对照，{messages} 份报文在等，其中 {behind} 份只是排在后面", codes.len());
}

/// With a byte order mark, or the spreadsheets of hospitals take it for GBK.
fn csv(listing: &Listing) {
    say!(
        "\u{feff}map,local,standard,elements,messages,first_received_at,first_message_id,channels"
    );
    for it in &listing.codes {
        let cells = [
            it.map.as_str(),
            &it.local,
            "",
            &joined(&it.elements),
            &it.messages.to_string(),
            &it.first_received_at,
            &it.first_message_id,
            &joined(&it.channels),
        ];
        say!("{}", cells.map(mappings::csv_cell).join(","));
    }
}

fn joined(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}
