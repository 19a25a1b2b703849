//! The shipped `config/agent.toml`, written from the table of keys.

use std::fmt::Write as _;

use super::{Key, Without, all};
use crate::config::channels::SHIPPED;

/// The shipped `config/agent.toml`: every key explained, what must be given given, the rest
/// commented out with its default.
#[must_use]
pub fn example() -> String {
    written(&[], &shipped_channels())
}

/// A channel for each shape of messages that comes with the program.
pub(crate) fn shipped_channels() -> String {
    let mut out = String::new();
    for it in SHIPPED {
        it.write(&mut out);
    }
    out
}

/// The same for one hospital: what it gives (section, name, TOML text) written out, and its channels in
/// place of the shipped.
pub(crate) fn written(given: &[(&str, &str, String)], its_channels: &str) -> String {
    let told = |key: &Key| {
        let it = given.iter().find(|it| (it.0, it.1) == (key.section, key.name));
        it.map(|(_, _, text)| text.as_str())
    };
    let mut out = HEAD.to_owned();
    let mut before: Option<&Key> = None;
    for key in all().filter(|it| !it.is_of_channel()) {
        let begins = before.is_none_or(|it| it.section != key.section);
        if begins && !key.section.is_empty() {
            let heading = if key.is_of_list() { LIST_HEAD } else { "" };
            let (open, close) = if key.is_of_list() { ("# [[", "]]") } else { ("[", "]") };
            let _ = write!(out, "\n{heading}{open}{}{close}\n", key.section);
        } else if before.is_some_and(|it| it.kind != key.kind) {
            let kind = key.kind;
            let _ = write!(
                out,
                "\n# ---- 以下只用于 kind = \"{kind}\" | with kind = \"{kind}\" only ----\n"
            );
        }
        explain(key, &mut out);
        // With another `kind` than the default one, not even a required key may stand in the file.
        let must =
            matches!(key.without, Without::Must(_)) && key.kind.is_empty() && !key.is_of_list();
        let text = told(key);
        let mark = if must || text.is_some() { "" } else { "# " };
        let _ = writeln!(out, "{mark}{} = {}", key.name, text.unwrap_or(key.without.value()));
        before = Some(key);
    }
    explain_channels(&mut out);
    out.push_str(its_channels);
    out
}

fn explain_channels(out: &mut String) {
    out.push_str(CHANNELS_HEAD);
    let mut table = "channel";
    for key in all().filter(|it| it.is_of_channel()) {
        if key.section != table {
            table = key.section;
            let shown = if table == OPERATION { format!("[{table}]") } else { table.to_owned() };
            let _ = write!(out, "\n# ---- 以下写在 [{shown}] 里 | in [{shown}] ----\n");
        }
        explain(key, out);
        let _ = writeln!(out, "# {} = {}", key.name, key.without.value());
    }
}

/// The one table in a channel of which there may be several.
pub(super) const OPERATION: &str = "channel.soap.operation";

fn explain(key: &Key, out: &mut String) {
    let _ = write!(out, "\n# {}\n# {}\n", key.zh, key.en);
}

const HEAD: &str = "\
# his-agent 的配置。去掉行首的 # 再改值；写错的键、错误的值都会在启动前一次列出，不会被悄悄改正。
# 改完先检查：his-agent validate --config 本文件
#
# The configuration of his-agent. Commented lines show the defaults. Wrong keys and values are told,
# all at once, before anything starts: his-agent validate --config THIS-FILE
";

const LIST_HEAD: &str = "# ---- 每个一段，可以没有 | one table each, or none ----\n";

pub(super) const CHANNELS_HEAD: &str = "
# 通道：一个来源系统一个 [[channel]]，地址是 /v1/channels/通道名/messages 和 /soap/通道名。
# 下面每个通道对应一种自带的报文形状；用不到的删去。每个通道可以写的键：
#
# Channels: one [[channel]] a source, at /v1/channels/NAME/messages and /soap/NAME. Each of those below
# matches a shape of messages that comes with the program; delete what is not used. Keys of a channel:
";
