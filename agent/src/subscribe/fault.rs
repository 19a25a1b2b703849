//! Whose fault a SOAP fault is. SOAP 1.1 sends every fault as 500, also the one that says that this
//! message will never be taken.

/// Whether the answer is a fault that blames the message: `Client` in SOAP 1.1, `Sender` in 1.2.
pub(super) fn blames_message(body: &[u8]) -> bool {
    // Names are ASCII in every charset that is in use; whatever else stands there is not looked at.
    let text: String = body.iter().take(LOOKED_AT_BYTES).map(|it| char::from(*it)).collect();
    let value = || text_of(&text, "Fault").and_then(|_| text_of(&text, "Value"));
    let code = text_of(&text, "faultcode").or_else(value);
    let local = code.and_then(|it| it.rsplit(':').next()).unwrap_or_default();
    matches!(local.split('.').next(), Some("Client" | "Sender"))
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

    #[track_caller]
    fn check(body: &str, expected: bool) {
        assert_eq!(blames_message(body.as_bytes()), expected, "{body}");
    }
}
