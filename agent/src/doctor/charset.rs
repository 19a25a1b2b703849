//! Character sets: that GB18030 can be told from what only looks like it, and that Chinese is readable in
//! the terminal of whoever asked.

use std::time::Duration;

use adapters::{Charset, decode_strictly};

use super::{Check, Line, Site};

pub(super) const CHECK: Check =
    Check { key: "charset", zh: "字符集", bound: Duration::from_secs(5), look };

fn look(site: &Site) -> Vec<Line> {
    let terminal = site.locale.as_deref().map(terminal);
    [tables()].into_iter().chain(terminal).collect()
}

/// Ours go with the program; the system's locale has no say.
fn tables() -> Line {
    let is_read = |(bytes, set, text): &(&[u8], Charset, &str)| {
        decode_strictly(bytes, *set).as_deref() == Some(*text)
    };
    if KNOWN.iter().all(is_read) {
        Line::ok("读得出 UTF-8、GBK、GB18030 四字节的生僻字，与系统的 locale 无关")
    } else {
        Line::fail("H002", "码表读不出已知的字：程序文件可能损坏")
            .cure("核对安装包的校验和，重新安装")
    }
}

/// In four bytes, in two, and in UTF-8.
const KNOWN: [(&[u8], Charset, &str); 3] = [
    (&[0x81, 0x39, 0xee, 0x39], Charset::Gb18030, "㐀"),
    (&[0xd5, 0xc5], Charset::Gb18030, "张"),
    ("㐀".as_bytes(), Charset::Utf8, "㐀"),
];

/// The character set behind the point of `zh_CN.UTF-8`.
fn terminal(locale: &str) -> Line {
    let set = locale.split_once('.').map_or("", |(_, set)| set);
    let plain: String = set.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_lowercase().as_str() {
        "utf8" => Line::ok(format!("终端是 UTF-8（{locale}）")),
        _ if locale.is_empty() => Line::warn("H101", "终端没有说明字符集（LANG 没有设置）"),
        _ => Line::warn("H101", format!("终端不是 UTF-8（{locale}），中文会是乱码")),
    }
}

/// What a command's environment says of its terminal; the first of the three that is set holds.
pub(crate) fn of_environment() -> String {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|it| std::env::var(it).ok());
    set.into_iter().find(|it| !it.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_terminal_that_shows_no_chinese_is_told() {
        assert_eq!(tables().state, State::Ok);
        check("zh_CN.UTF-8", State::Ok);
        check("C.utf8", State::Ok);
        check("zh_CN.GB18030", State::Warn);
        check("C", State::Warn);
        check("", State::Warn);
    }

    #[track_caller]
    fn check(locale: &str, expected: State) {
        let line = terminal(locale);
        assert_eq!(line.state, expected, "{line:?}");
    }
}
