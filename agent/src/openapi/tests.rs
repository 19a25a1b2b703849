//! The tables against the routes: by the sources, and by asking.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body as Sent;
use tower::ServiceExt as _;

use super::*;
use crate::callers::Seat;
use crate::config::Config;
use crate::control as socket;
use crate::control::rights::Person;
use crate::forward::ForwardState;
use crate::intake::{Road, http};
use crate::outbox::{Options, Outbox, WriterHandle};
use crate::sets::Sets;

const SOAP: &str = "/soap/{channel}";
const DOORS: [Door; 3] = [Door::His, Door::Operators, Door::Control];

/// Anybody may ask for it, however often, and it takes no time from the checks.
#[tokio::test]
async fn a_document_is_made_once() {
    let router: Router = routes(Door::His);
    for path in ["/openapi.json", "/openapi"] {
        let mut places = BTreeSet::new();
        let mut kept = Vec::new();
        for _ in 0..2 {
            let request = ::http::Request::get(path).body(Sent::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            assert!(body.len() > 1_000);
            places.insert(body.as_ptr().addr());
            kept.push(body); // or its place would be used again
        }
        assert_eq!(places.len(), 1, "{path}");
    }
}

/// A route that is added in the sources must be told, and what is told must be in the sources.
#[test]
fn every_route_is_told_and_everything_told_is_a_route() {
    // SOAP has an address for every channel, by the last resort of the router.
    let mut named = BTreeSet::from(["get", "post"].map(|it| format!("{it} {SOAP}")));
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut named);
    // The manual is told once, not page by page.
    named.remove("get /docs/{*page}");
    let told: BTreeSet<String> = DOORS
        .into_iter()
        .flat_map(Door::operations)
        .map(|it| format!("{} {}", it.verb, it.path))
        .collect();
    let untold: Vec<_> = named.difference(&told).collect();
    let unknown: Vec<_> = told.difference(&named).collect();
    assert!(untold.is_empty(), "in no table of agent/src/openapi: {untold:?}");
    assert!(unknown.is_empty(), "told, and no route: {unknown:?}");
}

/// Every path is known to the router of its own door.
#[tokio::test]
async fn every_door_knows_its_paths() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = road(folder.path());
    let routers = [http::his_routes(&road), http::operator_routes(&road), socket::routes(&road)];
    for (door, router) in DOORS.into_iter().zip(routers) {
        for it in door.operations().filter(|it| it.path != SOAP) {
            let status = ask(&router, "TRACE", it.path).await;
            assert_eq!(status, 405, "{door:?} {}", it.path);
        }
        assert_eq!(ask(&router, "TRACE", "/no/such/path").await, 404);
    }
}

fn road(folder: &Path) -> (Arc<Road>, WriterHandle) {
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{}/outbox\"\n",
        folder.display()
    );
    let config = Config::parse("agent.toml", &text).unwrap();
    let sets = Sets::load(&config).unwrap();
    let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
    (Arc::new(Road::new(config, sets, outbox, Arc::new(ForwardState::default()))), writer)
}

/// Whoever has not the right that an operation needs is refused, by whichever door.
#[tokio::test]
async fn every_operation_of_the_admin_api_takes_its_role() {
    let folder = tempfile::tempdir().unwrap();
    let (road, _writer) = road(folder.path());
    for router in [socket::guarded(&road), http::operator_routes(&road)] {
        for it in control::CONTROL {
            let right = it.needs.unwrap();
            for role in Role::ALL {
                let may = right.roles().any(|it| it == role);
                // What may be done is not done here.
                if !may || it.verb == "get" {
                    let status = ask_as(&router, it, Some(role)).await;
                    assert_eq!(status == 403, !may, "{role:?}: {status} {} {}", it.verb, it.path);
                }
            }
            assert_eq!(ask_as(&router, it, None).await, 401, "{} {}", it.verb, it.path);
        }
        let unsaid = Operation { verb: "patch", ..control::CONTROL[0] };
        assert_eq!(ask_as(&router, &unsaid, Some(Role::Admin)).await, 405);
    }
}

async fn ask_as(router: &Router, asked: &Operation, role: Option<Role>) -> u16 {
    let person =
        role.map(|it| Person { roles: std::iter::once(it).collect(), ..Person::default() });
    let near = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
    let seat = person.map_or_else(|| Seat::new(Some(near)), Seat::of);
    let request = ::http::Request::builder().method(asked.verb.to_uppercase().as_str());
    let path: String = asked.path.replace(['{', '}'], "");
    let request = request.uri(path).extension(Arc::new(seat)).body(Sent::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap().status().as_u16()
}

async fn ask(router: &Router, method: &str, path: &str) -> u16 {
    let path: String = path.replace(['{', '}'], "");
    let request = ::http::Request::builder().method(method).uri(path).body(Sent::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap().status().as_u16()
}

#[test]
fn the_documents_are_whole() {
    for (name, schema) in schemas::all() {
        assert!(schema.is_object(), "{name} is no JSON");
    }
    for door in DOORS {
        let document = document(door);
        let text = document.to_string();
        let mut ids = BTreeSet::new();
        for it in door.operations() {
            assert!(!it.zh.is_empty() && ids.insert(it.id()), "{}", it.path);
            it.query.iter().for_each(|it| assert!(parsed(it.schema).is_object(), "{}", it.name));
        }
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{door:?}: {name}");
        }
        let page = page::write(door);
        assert!(door.operations().all(|it| page.contains(it.zh)));
        assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere");
    }
}

/// In whose words a door refuses, and what it says of the program.
#[test]
fn refusals_are_told_as_they_are_said() {
    let his = document(Door::His);
    let of = |door: &Value, path: &str, status: &str| {
        let verbs = door["paths"][path].as_object().unwrap().values().next().unwrap();
        let content = verbs["responses"][status]["content"]["application/json"].to_string();
        content.split(['/', '"']).rfind(|it| it.starts_with(char::is_uppercase)).map(str::to_owned)
    };
    assert_eq!(of(&his, "/v1/records", "503").as_deref(), Some("Refusal"));
    assert_eq!(of(&his, "/insurance", "413").as_deref(), Some("NationalAnswer"));
    assert_eq!(of(&his, "/insurance", "400"), None);
    let operators = document(Door::Operators);
    assert_eq!(of(&operators, "/readyz", "503").as_deref(), Some("Standing"));
    assert_eq!(operators["info"]["version"], env!("CARGO_PKG_VERSION"));
    let version = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(!his.to_string().contains(&version) && !page::write(Door::His).contains(&version));
}

/// `get /v1/events` for each `.route("/v1/events", get(…))`, tests left out.
fn sources(folder: &Path, named: &mut BTreeSet<String>) {
    for path in fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        if path.is_dir() {
            sources(&path, named);
        } else if path.extension().is_some_and(|it| it == "rs") && name != "tests.rs" {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("\nmod tests {").next().unwrap();
            let code: String = code.split_whitespace().collect();
            for route in code.split(".route(\"").skip(1) {
                let Some((path, rest)) = route.split_once("\",") else { continue };
                // Some clients end every address with a slash.
                let path = path.trim_end_matches('/');
                named.extend(verbs(rest).into_iter().map(|verb| format!("{verb} {path}")));
            }
        }
    }
}

/// The verbs of `get(a).post(b))…`.
fn verbs(text: &str) -> Vec<String> {
    let (mut verbs, mut depth, mut word) = (Vec::new(), 0_i32, String::new());
    for it in text.chars() {
        match it {
            '(' => {
                if depth == 0 {
                    verbs.push(std::mem::take(&mut word));
                }
                depth += 1;
            }
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            _ if depth == 0 && it != '.' => word.push(it),
            _ => {}
        }
    }
    verbs
}
