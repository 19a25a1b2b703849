//! What people are told of a file, in a few lines: whether it was taken, and if not, why, where it is
//! wrong, and what to do.

use std::fmt::Write as _;

use axum::response::Response;

use super::super::answer::Said;
use crate::clock;
use crate::codes::remedy;

/// The text of an answer.
pub(super) fn text(answer: &Response, id: &str) -> String {
    let time = clock::now();
    let Some(said) = answer.extensions().get::<Said>() else {
        return format!("已收下，已经落盘。\n报文标识：{id}\n时间：{time}\n");
    };
    let mut text = format!("没有收下：{}\n报文标识：{id}\n时间：{time}\n", said.message);
    for (number, it) in (1..).zip(&said.troubles) {
        let place = if it.place.is_empty() { "整份文件" } else { &it.place };
        let _ = writeln!(text, "\n{number}. {} 在 {place}：{}", it.code, it.advice);
        if let Some(remedy) = remedy(&it.code) {
            let _ = writeln!(text, "   怎么办：{remedy}");
        }
    }
    text.push_str(AGAIN);
    text
}

/// The text about a file that could not even be read.
pub(super) fn untaken(code: &str, id: &str) -> String {
    let remedy = remedy(code).unwrap_or_default();
    format!("没有收下：{code}\n报文标识：{id}\n时间：{}\n怎么办：{remedy}\n{AGAIN}", clock::now())
}

const AGAIN: &str = "\n改好以后把文件放回投放目录；已经入库的不会重复。\n";
