//! What a connection is told that no request of is answered: the same envelope as everywhere.

use std::time::Duration;

use http::StatusCode;

use crate::clock;
use crate::intake::answer::{Answer, Fault};

/// The head did not come in time.
pub(super) fn slow_head(after: Duration) -> Vec<u8> {
    let message =
        format!("{} 毫秒内没有收完请求头：请求头要以空行结束，请一次发出", after.as_millis());
    bytes(&Fault::new(StatusCode::REQUEST_TIMEOUT, 15, "I141", message))
}

/// Every connection is being answered, and none is free.
pub(super) fn full() -> Vec<u8> {
    let message = "前置机的连接数到了上限，请稍后原样重送；重送不会重复入库".to_owned();
    bytes(&Fault::new(StatusCode::SERVICE_UNAVAILABLE, 5, "I144", message))
}

/// What to say in place of a status without a word, as hyper answers what it cannot read. Answers of
/// the doors always have a body.
pub(super) fn in_place_of(written: &[u8]) -> Option<Vec<u8>> {
    let fault = match written.strip_prefix(b"HTTP/1.1 ")?.get(..3)? {
        b"400" => unreadable,
        b"414" | b"431" => long_head,
        _ => return None,
    };
    let holds = |word: &[u8]| written.windows(word.len()).any(|it| it == word);
    let is_bare = holds(b"\r\ncontent-length: 0\r\n") && !holds(b"\r\ncontent-type: ");
    is_bare.then(|| bytes(&fault()))
}

fn unreadable() -> Fault {
    let message = "这不是能读的 HTTP/1.1 请求：请核对请求行和请求头。不收的写法：两个不同的长度、冒号前有空格、\
                   一个请求头折成几行；没有配 TLS 的端口，地址要写 http://"
        .to_owned();
    Fault::new(StatusCode::BAD_REQUEST, 15, "I143", message)
}

/// The door speaks TLS, and the caller does not.
pub(super) fn only_tls() -> Vec<u8> {
    let message = "这个端口只接受 TLS：地址写成 https://；对方要支持 TLS 1.2 以上".to_owned();
    bytes(&Fault::new(StatusCode::BAD_REQUEST, 15, "I234", message))
}

fn long_head() -> Fault {
    let message =
        "请求头太长：内容请放在报文里，不要放在地址或请求头里；或由医院调大 head_bytes_max"
            .to_owned();
    Fault::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, 15, "I142", message)
}

fn bytes(fault: &Fault) -> Vec<u8> {
    Answer::fault(fault).about(&clock::new_id()).in_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_status_is_said_in_words() {
        let bare = "HTTP/1.1 431 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        check(bare, "I142");
        check(&bare.replace("431", "414"), "I142");
        check(&bare.replace("431", "400"), "I143");
        check(&bare.replace("431", "404"), "as it is");
        check(&bare.replace("length: 0", "length: 10"), "as it is");
        check(&bare.replace("connection: close", "content-type: text/plain"), "as it is");
        check("HTTP/1.1 100 Continue\r\n\r\n", "as it is");
        check("", "as it is");
    }

    #[track_caller]
    fn check(written: &str, expected: &str) {
        let said = in_place_of(written.as_bytes()).unwrap_or_default();
        let said = String::from_utf8(said).expect("our own words");
        match expected {
            "as it is" => assert_eq!(said, ""),
            code => assert!(said.contains(&format!("\"code\":\"{code}\"")), "{said}"),
        }
    }
}
