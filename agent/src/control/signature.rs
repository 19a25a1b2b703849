//! Under whose name a change stands. What a request says of its author is what its caller has written; who
//! the caller is has been proved at the door. Here the one is put before the other, for all operations at
//! once, so that none can forget it.
//!
//! Root and the daemon's own user are accounts and not people: what they write stands as it is written.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::Value;

use super::door::BODY_BYTES_MAX;
use super::failed;
use super::rights::Person;

/// The request as its caller may sign it.
pub(super) async fn sign(request: Request, person: &Person) -> Result<Request, Response> {
    if person.is_account || matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(request);
    }
    let (head, body) = request.into_parts();
    let read = to_bytes(body, BODY_BYTES_MAX).await;
    let bytes =
        read.map_err(|it| failed(StatusCode::PAYLOAD_TOO_LARGE, "I101", &[it.to_string()]))?;
    let bytes = signed(&bytes, &person.name).map_or(bytes, Bytes::from);
    Ok(Request::from_parts(head, Body::from(bytes)))
}

/// A body with the proved name in it; nothing where there is none to be put.
fn signed(body: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut said: Value = serde_json::from_slice(body).ok()?;
    let mut is_signed = false;
    for member in AUTHORS {
        if let Some(Value::String(written)) = said.get_mut(member) {
            *written = signature(name, written.trim());
            is_signed = true;
        }
    }
    if is_signed { serde_json::to_vec(&said).ok() } else { None }
}

fn signature(name: &str, written: &str) -> String {
    if written.is_empty() || written == name {
        return name.to_owned();
    }
    format!("{name}（自称 {written}）")
}

/// The members in which requests name who changes something.
const AUTHORS: [&str; 2] = ["author", "by"];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_signs_as_somebody_else() {
        check("wang", r#"{"author":"wang","no":1}"#, r#"{"author":"wang","no":1}"#).await;
        check("wang", r#"{"author":"li"}"#, r#"{"author":"wang（自称 li）"}"#).await;
        check("wang", r#"{"author":"x","author":"li"}"#, r#"{"author":"wang（自称 li）"}"#).await;
        check("wang", r#"{"by":" ","reason":"r"}"#, r#"{"by":"wang","reason":"r"}"#).await;
        check("wang", "[1]", "[1]").await;
        check("wang", "no JSON", "no JSON").await;
        check("", r#"{"author":"li"}"#, r#"{"author":"li"}"#).await;
    }

    /// An empty name stands for an account.
    async fn check(name: &str, body: &str, expected: &str) {
        let person =
            Person { name: name.to_owned(), is_account: name.is_empty(), ..Person::default() };
        let request = http::Request::post("/").body(Body::from(body.to_owned())).unwrap();
        let signed = sign(request, &person).await.unwrap();
        let bytes = to_bytes(signed.into_body(), usize::MAX).await.unwrap();
        assert_eq!(bytes, expected.as_bytes(), "{body}");
    }
}
