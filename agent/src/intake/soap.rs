//! The SOAP door: the service a HIS was compiled against, at the address it was compiled with.
//!
//! What is called leads to the message door or to a check, by the operation; those answer in the
//! caller's own SOAP. Here the operation is found, the description served, and what only the headers
//! and the address say is written into the content type, so that it is kept with the bytes.

use std::sync::Arc;

use adapters::{ContentType, Input, Limits, Prepare, SoapService, WireFormat};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use super::answer::{Answer, Dialect, Fault};
use super::{Road, Upload, checks, messages, read_body};
use crate::callers::Verb;
use crate::calls;
use crate::clock;
use crate::config::{ChannelConfig, Lead, LeadsTo, SoapConfig};

/// Any request to `/soap/...`, and to any address that nobody else has.
pub(super) async fn serve(
    State(road): State<Arc<Road>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Upload,
) -> Response {
    let path = decoded(uri.path());
    let query = uri.query().unwrap_or_default();
    let Some(place) = Place::find(&road.config.channels, &path) else {
        return elsewhere(road, method, &path, headers, body).await;
    };
    let place = Place { base: uri.path(), ..place };
    match method {
        Method::POST => place.call(&road, headers, body).await,
        Method::GET | Method::HEAD => match place.operation {
            Some(_) if place.door.takes_get => {
                place.call(&road, headers, Upload::Whole(query.to_owned().into())).await
            }
            None if asks_for_wsdl(query) => place.describe(&road, &headers),
            None => place.page(&road, &headers),
            Some(_) => wrong_method("POST"),
        },
        _ if place.operation.is_some() && !place.door.takes_get => wrong_method("POST"),
        _ => wrong_method(READ_AND_CALLED),
    }
}

/// What a call at this address may come to: everything that the service's operations lead to. Nothing for
/// what is only read of it, and for what is no address of a service.
pub(crate) fn wants(
    channels: &[ChannelConfig],
    method: &Method,
    path: &str,
) -> Option<Vec<(Verb, Option<String>)>> {
    let path = decoded(path);
    let Some(place) = Place::find(channels, &path) else {
        let name = path.strip_prefix("/soap/").filter(|it| !it.is_empty() && !it.contains('/'))?;
        let wanted = vec![(Verb::Message, Some(name.to_owned()))];
        return (*method == Method::POST).then_some(wanted);
    };
    let is_asked = place.operation.is_some() && place.door.takes_get;
    let is_call =
        *method == Method::POST || is_asked && (*method == Method::GET || *method == Method::HEAD);
    is_call.then(|| place.wants())
}

/// A service and what of it is meant.
struct Place<'a> {
    channel: &'a ChannelConfig,
    door: &'a SoapConfig,
    /// The operation that the address names.
    operation: Option<&'a str>,
    /// The address's path, as it was asked for.
    base: &'a str,
}

impl<'a> Place<'a> {
    fn find(channels: &'a [ChannelConfig], path: &'a str) -> Option<Place<'a>> {
        let doors = channels.iter().filter_map(|it| Some((it, it.soap.as_ref()?)));
        let mut found: Option<(usize, Place<'a>)> = None;
        for (channel, door) in doors {
            let own = format!("/soap/{}", channel.name);
            for base in std::iter::once(&own).chain(&door.paths) {
                let Some(operation) = behind(path, base) else { continue };
                // An address of its own is meant before an operation of a shorter one.
                if found.as_ref().is_none_or(|(length, _)| *length < base.len()) {
                    let operation = Some(plain(operation)).filter(|it| !it.is_empty());
                    found = Some((base.len(), Place { channel, door, operation, base: path }));
                }
            }
        }
        found.map(|(_, place)| place)
    }

    /// Finds out what is called, and hands it to the road where that leads.
    async fn call(&self, road: &Arc<Road>, mut headers: HeaderMap, body: Upload) -> Response {
        note_call(&mut headers, self.operation);
        let (lead, body) = if self.leads_one_way() {
            (self.door.leads.first(), body)
        } else {
            match self.read(road, &headers, body).await {
                Ok((lead, bytes)) => (lead, Upload::Whole(bytes)),
                Err(answer) => {
                    let content_type = messages::content_type(&headers);
                    let dialect =
                        Dialect::unread(Some(&self.door.service), content_type.as_deref());
                    return answer.about(&clock::new_id()).say(&dialect);
                }
            }
        };
        let other = lead.and_then(|it| it.channel.as_ref());
        if other.is_some() {
            note_service(&mut headers, &self.channel.name);
        }
        let channel = other.unwrap_or(&self.channel.name);
        let (state, path) = (State(Arc::clone(road)), Path(channel.clone()));
        let (verb, mut response) = match lead.map(|it| it.to) {
            Some(LeadsTo::Checks) => {
                (Verb::Check, checks::check_message(state, path, headers, body).await)
            }
            // What calls nothing that there is, is refused there and kept.
            _ => (Verb::Message, messages::receive(state, path, headers, body).await),
        };
        calls::mark(&mut response, |it| it.led = Some((verb, channel.clone())));
        response
    }

    fn wants(&self) -> Vec<(Verb, Option<String>)> {
        let own = (Verb::Message, Some(self.channel.name.clone()));
        let led = |it: &Lead| {
            let verb = match it.to {
                LeadsTo::Messages => Verb::Message,
                LeadsTo::Checks => Verb::Check,
            };
            (verb, Some(it.channel.as_ref().unwrap_or(&self.channel.name).clone()))
        };
        let mut wants: Vec<_> = self.door.leads.iter().map(led).collect();
        // What calls nothing that there is, is refused and kept here.
        if wants.is_empty() || !self.leads_one_way() {
            wants.push(own);
        }
        wants.sort_unstable();
        wants.dedup();
        wants
    }

    fn leads_one_way(&self) -> bool {
        self.door.leads.windows(2).all(|it| it.first() == it.last())
    }

    /// The body, and where what it calls leads. It is read just as it will be read there, so that
    /// nothing is answered as a call whose road it did not go. The address decides only for what
    /// calls nothing by itself.
    async fn read(
        &self,
        road: &Arc<Road>,
        headers: &HeaderMap,
        body: Upload,
    ) -> Result<(Option<&'a Lead>, Bytes), Answer> {
        let bytes = read_body(road, body).await?;
        let call = Call {
            prepare: self.channel.prepare.clone(),
            format: self.channel.format,
            service: Arc::clone(&self.door.service),
            limits: road.config.listen.limits,
            content_type: messages::content_type(headers),
            bytes: bytes.clone(),
        };
        let named = |it: &str| self.door.service.operation(it);
        let called = call.settle(road).await?;
        let operation =
            called.as_deref().and_then(named).or_else(|| self.operation.and_then(named));
        let operations = &self.door.service.operations;
        let place = operation.and_then(|it| operations.iter().position(|of| of.name == it.name));
        Ok((place.and_then(|it| self.door.leads.get(it)), bytes))
    }

    fn describe(&self, road: &Road, headers: &HeaderMap) -> Response {
        let text = adapters::wsdl(&self.door.service, &self.address(road, headers));
        ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response()
    }

    /// What a person sees who opens the address.
    fn page(&self, road: &Road, headers: &HeaderMap) -> Response {
        let address = adapters::escape_text(&self.address(road, headers));
        let names = self.door.service.operations.iter().map(|it| format!("<li>{}</li>", it.name));
        let page = format!(
            "<!DOCTYPE html><html lang=\"zh\"><meta charset=\"utf-8\"><title>{name}</title>\
             <h1>{name}</h1><p>这是前置机的 SOAP 服务，用 POST 调用。</p><ul>{list}</ul>\
             <p><a href=\"{address}?wsdl\">{address}?wsdl</a></p></html>",
            name = self.door.service.name,
            list = names.collect::<String>(),
        );
        ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
    }

    /// An address that the caller can reach: the one it has just reached.
    fn address(&self, road: &Road, headers: &HeaderMap) -> String {
        if let Some(address) = &self.door.address {
            return address.clone();
        }
        let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
        let of_proxy = |name| text(name).filter(|_| self.door.trusts_forwarded).map(first);
        let scheme = of_proxy("x-forwarded-proto").filter(|it| *it == "https");
        let own = if road.config.tls.his { "https" } else { "http" };
        let scheme = scheme.unwrap_or(own);
        let host = of_proxy("x-forwarded-host").or_else(|| text("host")).filter(|it| is_host(it));
        let host = host.map_or_else(|| road.config.listen.his.to_string(), str::to_owned);
        format!("{scheme}://{host}{}", self.base)
    }
}

/// A body that is read for what it calls.
struct Call {
    prepare: Prepare,
    format: WireFormat,
    service: Arc<SoapService>,
    limits: Limits,
    content_type: Option<String>,
    bytes: Bytes,
}

impl Call {
    /// The operation's name, if the body can be read and calls one. A long body is read within the
    /// bounds of messages, where it holds up nobody.
    async fn settle(self, road: &Road) -> Result<Option<String>, Answer> {
        if self.bytes.len() <= messages::INLINE_BYTES_MAX {
            return Ok(self.operation());
        }
        let busy = |_| Answer::fault(&Fault::busy());
        let _room = road.messages.try_acquire().map_err(busy)?;
        let reading = tokio::task::spawn_blocking(move || self.operation());
        Ok(reading.await.expect("reading neither panics nor is cancelled"))
    }

    fn operation(&self) -> Option<String> {
        let input = Input {
            prepare: &self.prepare,
            service: Some(&self.service),
            ..Input::new(&self.bytes, self.format, self.content_type.as_deref())
        };
        adapters::decode(&input, &self.limits).ok()?.call.map(|it| it.operation)
    }
}

/// What the header and the address say of a call; the content type has room for both. What is ours
/// to say there is not believed when a caller says it.
fn note_call(headers: &mut HeaderMap, operation: Option<&str>) {
    let action = headers.get("soapaction").and_then(|it| str::from_utf8(it.as_bytes()).ok());
    let action = action.map(unquoted).filter(|it| !it.is_empty() && !it.contains([';', '"']));
    let given = messages::content_type(headers);
    let noted = match (operation, action) {
        (Some(operation), _) => {
            let told = ContentType::parse(given.as_deref());
            let charset = told.charset().map(|it| format!("; charset={it}")).unwrap_or_default();
            format!("application/x-www-form-urlencoded{charset}; operation={operation}")
        }
        (None, action) => {
            let given = given.as_deref().map(without_ours);
            match (given, action) {
                (Some(it), Some(action)) if !it.contains("action=") => {
                    format!("{it}; action=\"{action}\"")
                }
                (Some(it), _) => it,
                (None, Some(action)) => format!("text/xml; action=\"{action}\""),
                (None, None) => return,
            }
        }
    };
    match HeaderValue::from_str(&noted) {
        Ok(noted) => headers.insert(header::CONTENT_TYPE, noted),
        // An address with line breaks in it: what the caller says instead is not believed either.
        Err(_) => headers.remove(header::CONTENT_TYPE),
    };
}

/// Whose service was called, for a channel that several may lead to.
fn note_service(headers: &mut HeaderMap, channel: &str) {
    let given = messages::content_type(headers).unwrap_or_default();
    let noted = HeaderValue::from_str(&format!("{given}; service={channel}"));
    headers.insert(header::CONTENT_TYPE, noted.expect("a header and a channel's name"));
}

/// A content type without the parameters that only the door writes.
fn without_ours(given: &str) -> String {
    let is_ours = |it: &&str| {
        let name = it.split('=').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("operation") || name.eq_ignore_ascii_case("service")
    };
    let kept: Vec<&str> = given.split(';').filter(|it| !is_ours(it)).collect();
    kept.join(";")
}

/// An operation as an address names it, without `;jsessionid=...` and blanks.
fn plain(operation: &str) -> &str {
    operation.split(';').next().unwrap_or_default().trim()
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\'']).trim()
}

/// What is behind the service's own address: an operation, or nothing.
fn behind<'p>(path: &'p str, base: &str) -> Option<&'p str> {
    let (start, rest) = path.split_at_checked(base.len())?;
    if !start.eq_ignore_ascii_case(base) {
        return None;
    }
    match rest.strip_prefix('/') {
        None if rest.is_empty() => Some(rest),
        Some(operation) if !operation.contains('/') => Some(operation),
        _ => None,
    }
}

/// `wsdl`, `WSDL`, `wsdl=1`, `singleWsdl`, alone or among others.
fn asks_for_wsdl(query: &str) -> bool {
    let mut names = query.split('&').map(|it| it.split('=').next().unwrap_or_default());
    names.any(|it| it.eq_ignore_ascii_case("wsdl") || it.eq_ignore_ascii_case("singlewsdl"))
}

/// The first of a list that proxies make.
fn first(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}

fn is_host(text: &str) -> bool {
    let plain =
        |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_' | ':' | '[' | ']');
    !text.is_empty() && text.chars().all(plain)
}

/// Percent escapes undone; what is no text then is left as it was.
pub(crate) fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        let escaped = match (first, behind) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = rest.get(2..).unwrap_or_default();
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| path.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok())
}

/// Channels without a description take any call.
async fn elsewhere(
    road: Arc<Road>,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Upload,
) -> Response {
    let name = path.strip_prefix("/soap/").filter(|it| !it.is_empty() && !it.contains('/'));
    match name {
        Some(name) if method == Method::POST => {
            messages::receive(State(road), Path(name.to_owned()), headers, body).await
        }
        Some(name)
            if method == Method::GET && road.config.channels.iter().any(|it| it.name == name) =>
        {
            let message = format!(
                "通道 {name} 没有写 [channel.soap]，所以没有 WSDL；POST 照样接收。写法见手册 doors-soap.md"
            );
            let fault = Fault::new(StatusCode::NOT_FOUND, 13, "I105", message);
            Answer::fault(&fault).about(&clock::new_id()).say(&Dialect::Json)
        }
        Some(_) if method != Method::GET => wrong_method(READ_AND_CALLED),
        _ => {
            let answer = Answer::fault(&Fault::unknown_address());
            answer.about(&clock::new_id()).say(&Dialect::Json)
        }
    }
}

/// Says what would be right, as the status asks for.
fn wrong_method(allowed: &'static str) -> Response {
    let answer = Answer::fault(&Fault::wrong_method()).about(&clock::new_id());
    let mut response = answer.say(&Dialect::Json);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A service is called by POST, and its description read.
const READ_AND_CALLED: &str = "GET, HEAD, POST";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(behind(path, "/x/Service.asmx"), expected, "{path}");
        };
        check("/x/Service.asmx", Some(""));
        check("/X/service.ASMX/", Some(""));
        check("/x/Service.asmx/CallInterface", Some("CallInterface"));
        check("/x/Service.asmx/a/b", None);
        check("/x/Service.asmxx", None);
        check("/x/头", None);
        assert_eq!(decoded("/x/%E5%A4%B4%2x%"), "/x/头%2x%");
    }

    #[test]
    fn queries_that_ask_for_the_description() {
        for query in ["wsdl", "WSDL", "wsdl=1", "WSDL=1&CacheUserName=a", "singleWsdl"] {
            assert!(asks_for_wsdl(query), "{query}");
        }
        assert!(!asks_for_wsdl("") && !asks_for_wsdl("op=wsdl"));
    }

    #[test]
    fn what_is_called_is_kept_with_the_content_type() {
        let check = |given: &[(&'static str, &'static str)], operation, expected: &str| {
            let mut headers: HeaderMap = HeaderMap::new();
            for (name, value) in given {
                headers.insert(*name, HeaderValue::from_str(value).unwrap());
            }
            note_call(&mut headers, operation);
            assert_eq!(messages::content_type(&headers).unwrap_or_default(), expected);
        };
        let xml = ("content-type", "text/xml; charset=utf-8");
        check(&[xml, ("soapaction", "\"u/F\"")], None, "text/xml; charset=utf-8; action=\"u/F\"");
        check(&[xml, ("soapaction", "\"\"")], None, "text/xml; charset=utf-8");
        check(&[xml, ("soapaction", "审查")], None, "text/xml; charset=utf-8; action=\"审查\"");
        check(&[("soapaction", "F")], None, "text/xml; action=\"F\"");
        let form = "application/x-www-form-urlencoded; charset=gbk; operation=F";
        check(&[("content-type", "text/plain; charset=gbk")], Some("F"), form);
        let forged = "text/xml; Operation = G; charset=gbk";
        check(&[("content-type", forged)], Some("F"), form);
        check(&[("content-type", forged)], None, "text/xml; charset=gbk");
        check(&[("content-type", forged)], Some("F\n"), "");
        check(&[("content-type", "text/xml; Service=b")], None, "text/xml");
        check(&[], Some("审查"), "application/x-www-form-urlencoded; operation=审查");
    }
}
