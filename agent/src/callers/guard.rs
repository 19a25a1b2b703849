//! The doorkeeper before everything that a HIS calls: who is it, may it do this, at this channel, from
//! there, and not too often. It looks at the head alone, so that who is refused sends no body in vain.
//!
//! Events and records ask by themselves, since a browser's token stands in the address there.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{Caller, Refused, Seat, Shown, Unnamed, Verb};
use crate::calls::{Call, Mark};
use crate::clock;
use crate::intake::answer::{Answer, Dialect, code_of};
use crate::intake::{Road, insurance, soap};

/// What a request asks for, by its address.
#[derive(Debug)]
struct Errand {
    door: Door,
    /// All that it may come to; a SOAP call says only in its body which of these it is.
    wants: Vec<(Verb, Option<String>)>,
}

/// In whose words it is answered.
#[derive(Debug)]
enum Door {
    Rest,
    National,
    Soap,
    /// Events and records, which ask by themselves.
    Reading,
}

/// Lets a request through, or says why not, and writes it down.
pub(crate) async fn stand(State(road): State<Arc<Road>>, request: Request, next: Next) -> Response {
    let Some(errand) = Errand::of(&road, request.method(), request.uri().path()) else {
        return next.run(request).await;
    };
    let began = Instant::now();
    let seat = request.extensions().get::<Arc<Seat>>().cloned().unwrap_or_else(within);
    let (caller, mut response) = match errand.admit(&road, &seat, request.headers()) {
        Ok(caller) => (caller, next.run(request).await),
        Err(refused) => (None, errand.refuse(refused, request.headers())),
    };
    let mark = response.extensions_mut().remove::<Mark>().unwrap_or_default();
    let caller = caller.or(mark.caller);
    let code = code_of(&response);
    if let Some(code) = code.filter(|it| REFUSALS.contains(it)) {
        count_refused(code);
    }
    // Of those that are not even listened to, there is no end.
    if code != Some("I225") {
        let led = mark.led.as_ref().map(|(verb, channel)| (*verb, Some(channel.as_str())));
        let (verb, channel) = led.unwrap_or_else(|| errand.first());
        road.calls.note(&Call {
            caller: caller.as_ref().map(|it| it.name.as_str()),
            address: seat.address(),
            verb,
            channel,
            status: response.status().as_u16(),
            code,
            bytes: seat.came(),
            took: began.elapsed(),
            id: mark.id.as_deref(),
        });
    }
    response
}

/// One more that was not let in; events and records say so themselves.
pub(crate) fn count_refused(code: &str) {
    metrics::counter!("his_agent_refused_calls_total", "code" => code.to_owned()).increment(1);
}

/// Whoever asks without a connection sits in this process.
fn within() -> Arc<Seat> {
    Arc::new(Seat::new(Some(([127, 0, 0, 1], 0).into())))
}

/// Whether a channel takes anything from there; one that is bound to no addresses does from everywhere.
pub(crate) fn is_taken_from(road: &Road, channel: &str, seat: &Seat) -> bool {
    let found = road.config.channels.iter().find(|it| it.name == channel);
    let bound = found.map(|it| &it.addresses).filter(|it| !it.is_empty());
    let is_here = |at: std::net::IpAddr| bound.into_iter().flatten().any(|it| it.contains(at));
    bound.is_none() || seat.address().is_some_and(is_here)
}

/// Whether whoever sits there need not say who it is.
pub(crate) fn may_be_unnamed(road: &Road, seat: &Seat) -> bool {
    match road.config.access.unnamed {
        Unnamed::Near => seat.is_near(),
        Unnamed::Anybody => true,
        Unnamed::Nobody => false,
    }
}

impl Errand {
    /// The caller; nobody where none needs to be known.
    fn admit(
        &self,
        road: &Road,
        seat: &Seat,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<Caller>>, Refused> {
        if matches!(self.door, Door::Reading) {
            return Ok(None);
        }
        if self.channels().any(|it| !is_taken_from(road, it, seat)) {
            return Err(Refused::Elsewhere);
        }
        let may_be_unnamed = may_be_unnamed(road, seat);
        let mut shown = Shown::of(headers, None);
        // Where no token can be right, what old clients send by habit says nothing.
        if may_be_unnamed && !road.callers.knows_tokens() {
            shown = Shown::default();
        }
        let is_unnamed = may_be_unnamed && shown.is_nothing();
        let may = |it: &Caller| self.wants.iter().all(|(verb, at)| it.may(*verb, at.as_deref()));
        match road.callers.find(seat, &shown, may) {
            Ok(caller) => road.callers.pace(&caller).map(|()| Some(caller)),
            Err(Refused::Unknown | Refused::MayNot) if is_unnamed => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    /// Nothing for what needs no leave: descriptions, and what is at no address.
    fn of(road: &Road, method: &Method, path: &str) -> Option<Errand> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let rest = |verb, channel: Option<&str>| {
            let at = channel.map(soap::decoded);
            (*method == Method::POST).then(|| Errand { door: Door::Rest, wants: vec![(verb, at)] })
        };
        match *parts.as_slice() {
            ["v1", "channels", channel, "messages" | "totals"] => {
                rest(Verb::Message, Some(channel))
            }
            ["v1", "channels", channel, "checks"] => rest(Verb::Check, Some(channel)),
            ["v1", "checks"] => rest(Verb::Check, None),
            ["v1", "feedback"] => rest(Verb::Feedback, None),
            ["insurance" | "fsi", ..] => {
                Some(Errand { door: Door::National, wants: vec![(Verb::Check, None)] })
            }
            ["v1", "events"] => Some(Errand::reading(Verb::Events)),
            ["v1", "records"] => Some(Errand::reading(Verb::Query)),
            ["openapi" | "openapi.json"] => None,
            _ => {
                let wants = soap::wants(&road.config.channels, method, path)?;
                Some(Errand { door: Door::Soap, wants })
            }
        }
    }

    fn reading(verb: Verb) -> Errand {
        Errand { door: Door::Reading, wants: vec![(verb, None)] }
    }

    fn first(&self) -> (Verb, Option<&str>) {
        let first = self.wants.first();
        first.map_or((Verb::Message, None), |(verb, at)| (*verb, at.as_deref()))
    }

    fn channels(&self) -> impl Iterator<Item = &str> {
        self.wants.iter().filter_map(|(_, channel)| channel.as_deref())
    }

    fn refuse(&self, refused: Refused, headers: &HeaderMap) -> Response {
        let (fault, id) = (refused.fault(), clock::new_id());
        let mut response = match self.door {
            Door::National => insurance::refuse(&fault, &id),
            Door::Rest | Door::Soap | Door::Reading => {
                let is_soap = matches!(self.door, Door::Soap);
                let content_type = text(headers, header::CONTENT_TYPE.as_str());
                let is_soap = is_soap || headers.contains_key("soapaction");
                let dialect = Dialect::before_body(is_soap, content_type);
                Answer::fault(&fault).about(&id).say(&dialect)
            }
        };
        // A SOAP client that knows a password sends it only when it is asked for by the status.
        if refused == Refused::Unknown {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(CHALLENGE);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|it| it.to_str().ok())
}

/// Clients of .NET and Java show a user and a password only to who asks. Events and records ask nobody: a
/// browser would ask its user.
const CHALLENGE: &str = "Basic realm=\"his-agent\", charset=\"UTF-8\"";
/// What somebody is told who is not let in.
const REFUSALS: [&str; 8] = ["I221", "I222", "I223", "I224", "I225", "I226", "I227", "I161"];
