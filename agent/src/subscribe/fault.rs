//! Whose fault a SOAP fault is. SOAP 1.1 sends every fault as 500, also the one that says that this
//! message will never be taken.

/// Whether the answer is a fault. Some old stacks send it with 200.
pub(super) fn is_fault(body: &[u8]) -> bool {
    text_of(&looked_at(body), "Fault").is_some()
}

/// Whether the answer is a web page, as a login or a gateway under maintenance sends one with 200.
pub(super) fn is_page(body: &[u8]) -> bool {
    let text = looked_at(body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)).to_ascii_lowercase();
    let mut tags = text.split('<');
    let is_markup = tags.next().is_some_and(|it| it.trim().is_empty());
    let first = tags.find(|it| !it.starts_with('?') && !it.starts_with("!--"));
    is_markup && first.is_some_and(|it| it.starts_with("html") || it.starts_with("!doctype html"))
}

/// Whether the answer is a fault that blames the message: `Client` in SOAP 1.1, `Sender` in 1.2.
pub(super) fn blames_message(body: &[u8]) -> bool {
    let text = looked_at(body);
    let value = || text_of(&text, "Fault").and_then(|_| text_of(&text, "Value"));
    let code = text_of(&text, "faultcode").or_else(value);
    let local = code.and_then(|it| it.rsplit(':').next()).unwrap_or_default();
    matches!(local.split('.').next(), Some("Client" | "Sender"))
}

/// Names are ASCII in every charset that is in use; whatever else stands there is not looked at.
fn looked_at(body: &[u8]) -> String {
    body.iter().take(LOOKED_AT_BYTES).map(|it| char::from(*it)).collect()
}

/// What stands behind the first tag of that name, up to the next tag.
fn text_of<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.split('<').skip(1).find_map(|tag| {
        let (head, inside) = tag.split_once('>')?;
        let local = head.split_ascii_whitespace().next()?.rsplit(':').next()?;
        (local == name).then(|| inside.trim())
    })
}

const LOOKED_AT_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_fault_it_is() {
        let old = |code: &str| {
            format!(
                "<s:Envelope><s:Body><s:Fault><faultcode xmlns:s=\"u\">{code}</faultcode><faultstring>处方不对\
                 </faultstring></s:Fault></s:Body></s:Envelope>"
            )
        };
        check(&old("s:Client"), true);
        check(&old(" Client.Validation "), true);
        check(&old("s:Server"), false);
        check(&old("Clients"), false);
        let new =
            |code: &str| format!("<e:Fault><e:Code><e:Value>e:{code}</e:Value></e:Code></e:Fault>");
        check(&new("Sender"), true);
        check(&new("Receiver"), false);
        check("<faultcode>soap:Client</faultcode>bad no.", true);
        check("<rows><Value>Sender</Value></rows>", false);
        check("java.lang.NullPointerException: Client", false);
        check("", false);
    }

    #[test]
    fn a_page_is_no_receipt() {
        let page = |text: &str| is_page(text.as_bytes());
        assert!(page("<!DOCTYPE html><html><body>login</body></html>"));
        assert!(page("\u{feff} <?xml version=\"1.0\"?>\n<!-- x --><HTML>"));
        assert!(!page("<s:Envelope><s:Body>&lt;html></s:Body></s:Envelope>"));
        assert!(!page("{\"message\":\"<html>\"}") && !page("ok") && !page(""));
    }

    #[track_caller]
    fn check(body: &str, expected: bool) {
        assert_eq!(blames_message(body.as_bytes()), expected, "{body}");
    }
}
