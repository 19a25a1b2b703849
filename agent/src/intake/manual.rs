//! The manual, served where there is no internet: files of one folder, and nothing else of the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as Asked, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{StatusCode, header};
use tokio::fs;

use super::Road;

pub(super) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(|State(road): State<Arc<Road>>| serve(road, "index.html".to_owned())))
        .route("/docs/{*page}", get(|State(road): State<Arc<Road>>, Asked(page)| serve(road, page)))
}

async fn serve(road: Arc<Road>, page: String) -> Response {
    let Some((file, kind)) = file_of(&road.config.listen.manual, &page) else {
        return (StatusCode::NOT_FOUND, NO_PAGE).into_response();
    };
    match fs::read(&file).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        Err(_) => (StatusCode::NOT_FOUND, NO_PAGE).into_response(),
    }
}

/// The file that is asked for and its media type; none for a name that leads out of the folder, and
/// none for what no manual consists of.
fn file_of(folder: &Path, page: &str) -> Option<(PathBuf, &'static str)> {
    let is_plain = |it: &str| !it.is_empty() && !it.starts_with('.') && !it.contains(['\\', '\0']);
    if !page.split('/').all(is_plain) {
        return None;
    }
    let (_, ending) = page.rsplit_once('.')?;
    let (_, kind) = KINDS.iter().find(|(it, _)| *it == ending)?;
    Some((folder.join(page), kind))
}

/// What a manual consists of.
const KINDS: [(&str, &str); 11] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("woff2", "font/woff2"),
    ("txt", "text/plain; charset=utf-8"),
    // Examples of a configuration, rules of alerts, tables.
    ("toml", "text/plain; charset=utf-8"),
    ("yml", "text/plain; charset=utf-8"),
    ("csv", "text/plain; charset=utf-8"),
];

const NO_PAGE: &str = "没有这一页。手册随安装包装在 [listen] manual 所写的目录里；\
                       源码目录用 make manual 生成。\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_folder_are_found() {
        check("index.html", "/m/index.html text/html; charset=utf-8");
        check("files/config/a.toml", "/m/files/config/a.toml text/plain; charset=utf-8");
        check("css/general.css", "/m/css/general.css text/css; charset=utf-8");
        check("../agent.toml", "nothing");
        check("a/../../secrets.txt", "nothing");
        check("/etc/passwd.txt", "nothing");
        check(".hidden.html", "nothing");
        check("a//b.html", "nothing");
        check("a\\..\\b.html", "nothing");
        check("master.key", "nothing");
        check("README", "nothing");
    }

    #[track_caller]
    fn check(page: &str, expected: &str) {
        let found = file_of(Path::new("/m"), page);
        let told =
            found.map_or("nothing".to_owned(), |(it, kind)| format!("{} {kind}", it.display()));
        assert_eq!(told, expected, "{page}");
    }
}
