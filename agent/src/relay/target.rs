//! The address of the insurer's review: `http` or `https`, a host, a path in which `{infno}` stands
//! for the number of the transaction.

use std::str::FromStr;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether the connection is sealed.
    pub tls: bool,
    /// The host, without its port.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, with what is to be put in.
    path: String,
}

impl Target {
    /// The path for one transaction.
    pub(crate) fn path(&self, infno: &str) -> String {
        self.path.replace("{infno}", infno)
    }

    /// The host as a request names it.
    pub(super) fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == usual_port(self.tls) { host } else { format!("{host}:{}", self.port) }
    }
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Target, &'static str> {
        let (tls, rest) = match url.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => return Err("no http or https"),
        };
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let is_printable = |it: char| it.is_ascii_graphic();
        if authority.contains('@') || !rest.chars().all(is_printable) || path.contains('#') {
            return Err("a character that does not belong there");
        }
        let (host, port) = host_and_port(authority).ok_or("no host, or no port")?;
        let port = port.unwrap_or(usual_port(tls));
        Ok(Target { tls, host: host.to_owned(), port, path: path.to_owned() })
    }
}

/// `host`, `host:port`, `[::1]:port`.
fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => {
            authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port)))
        }
    };
    if host.is_empty() {
        return None;
    }
    match port {
        None => Some((host, None)),
        Some(port) => Some((host, Some(port.parse().ok().filter(|it| *it > 0)?))),
    }
}

fn usual_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        check("http://10.0.0.8:8080/a/{infno}", "http 10.0.0.8 8080 /a/3101 10.0.0.8:8080");
        check("https://bureau.example", "https bureau.example 443 / bureau.example");
        check("http://[::1]:90/x", "http ::1 90 /x [::1]:90");
        for wrong in [
            "bureau",
            "ftp://a/",
            "http://",
            "http://a:b/",
            "http://a:0/",
            "http://u:p@a/",
            "http://a/ b",
            "http://a/\r\nX: 1",
        ] {
            check(wrong, "refused");
        }
    }

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let told = url.parse::<Target>().map_or("refused".to_owned(), |it| {
            let kind = if it.tls { "https" } else { "http" };
            format!("{kind} {} {} {} {}", it.host, it.port, it.path("3101"), it.authority())
        });
        assert_eq!(told, expected, "{url}");
    }
}
