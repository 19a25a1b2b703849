//! One check as the log keeps it: who asked what when, what was found, and the bytes that came, so
//! that it can be judged once more by other rules.
//!
//! The plain form: the length of the JSON, 4 bytes, high byte first; the JSON; the request's bytes. On disk it is
//! deflated, behind its own length with the highest bit set; an older log has it plain. Members may be
//! added to the JSON, never renamed: what an older log does not have is empty.

use bytes::Bytes;
use rules::rule::Action;
use rules::verdict::Origin;
use rules::{Facts, Finding, Verdict, circumstances};
use serde::{Deserialize, Serialize};

use crate::deflated::{deflate, inflate};

/// One check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Check {
    /// Its id, as the caller was told. Sorts by time.
    pub check_id: String,
    /// Which patient of the request it is about; nearly always the only one, 0.
    pub part: usize,
    /// When the request was there, `YYYYMMDDhhmmss`.
    pub asked_at: String,
    /// When the answer left, `YYYYMMDDhhmmss`.
    pub answered_at: String,
    /// From one to the other, in microseconds.
    pub elapsed_us: u64,
    /// In whose words it was asked.
    pub door: Door,
    /// The channel, for the HIS's own words.
    pub channel: Option<String>,
    /// What the caller said the bytes were.
    pub content_type: Option<String>,
    /// The transaction, at the national door; it may stand in the address alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infno: Option<String>,
    /// Where in the care process, as rules name it.
    pub scene: Option<String>,
    /// `complete`, `partial` or `degraded`.
    pub outcome: String,
    /// The patient's pseudonym; see [`PatientKey`](crate::patient_key::PatientKey).
    pub patient: Option<String>,
    /// The encounter, as sent.
    pub encounter: Option<String>,
    /// Department of the encounter.
    pub department: Option<String>,
    /// The bed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bed: Option<String>,
    /// Who orders.
    pub doctor: Option<String>,
    /// What was found, silent and acknowledged findings among it.
    pub findings: Vec<Found>,
    /// Rules that could not decide.
    pub unknown: Vec<Undecided>,
    /// Rules that the deadline cut off.
    pub not_run: Vec<String>,
    /// What came of asking the insurer's own review, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bureau: Option<String>,
    /// The packs that judged.
    pub rules_version: String,
    /// The check that has the bytes, when it is another: a request about several patients is kept
    /// once, at the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_of: Option<String>,
    /// The bytes as they came.
    #[serde(skip)]
    pub request: Bytes,
}

/// In whose words a check was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Door {
    /// `/v1/checks`.
    #[default]
    #[serde(rename = "canonical")]
    Canonical,
    /// The national interface.
    #[serde(rename = "national")]
    National,
    /// A channel's own words.
    #[serde(rename = "channel")]
    Channel,
}

/// One finding of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// `jr_id`.
    pub id: String,
    /// The rule.
    pub rule_id: String,
    /// The authority's code of it.
    pub official_code: Option<String>,
    /// Its name.
    pub rule_name: String,
    /// National `sev_deg`.
    pub severity: String,
    /// What the doctor has to do.
    pub action: String,
    /// National `vola_bhvr_type`.
    pub behaviour: String,
    /// 违规内容.
    pub text: String,
    /// 违规依据.
    pub basis: String,
    /// 违规金额, exact.
    pub amount: Option<String>,
    /// The lines it is about, those that violate first.
    pub lines: Vec<String>,
    /// Of these the ones that do not violate themselves: what the others do not go with. An older log
    /// does not say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub involved: Vec<String>,
    /// It was answered for before and not shown again.
    pub acknowledged: bool,
    /// `bureau` when the insurer's own review found it; nothing for our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// In view of what it was found: a word for each, hashed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub circumstances: Vec<u64>,
}

/// A rule that could not decide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Undecided {
    /// The rule.
    pub rule_id: String,
    /// Paths of the missing elements.
    pub missing: Vec<String>,
}

impl Check {
    /// What a verdict says, on top of what is known of the request. `acknowledged` was taken out of
    /// the verdict before it was told.
    #[must_use]
    pub fn judged(self, facts: &Facts, verdict: &Verdict, acknowledged: &[Finding]) -> Check {
        let shown = verdict.findings.iter().map(|it| found(facts, it, false));
        let scene = facts.scene().and_then(|it| {
            let mut names = rules::facts::Scene::NAMES.into_iter();
            names.find(|(_, scene)| *scene == it).map(|(name, _)| name.to_owned())
        });
        let encounter = facts.encounter.present();
        let undecided = |it: &rules::verdict::Unknown| Undecided {
            rule_id: it.rule_id.clone(),
            missing: it.missing.iter().map(ToString::to_string).collect(),
        };
        Check {
            scene,
            outcome: verdict.outcome.name().to_owned(),
            encounter: verdict.mdtrt_id.clone(),
            department: encounter.and_then(|it| it.department_code.clone()),
            bed: encounter.and_then(|it| it.bed.clone()),
            doctor: facts.prescriber.present().and_then(|it| it.code.clone()),
            findings: shown.chain(acknowledged.iter().map(|it| found(facts, it, true))).collect(),
            unknown: verdict.unknown.iter().map(undecided).collect(),
            not_run: verdict.not_run.clone(),
            bureau: verdict.bureau.map(|it| it.name().to_owned()),
            rules_version: verdict.rules_version.clone(),
            ..self
        }
    }

    /// The bytes to store.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let plain = self.to_plain();
        let length = u32::try_from(plain.len()).ok().filter(|it| it & DEFLATED == 0);
        match length {
            Some(length) => [&(length | DEFLATED).to_be_bytes()[..], &deflate(&plain)].concat(),
            None => plain,
        }
    }

    /// Reads what [`Check::to_bytes`] wrote, now or in an earlier release.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Check> {
        let (head, rest) = bytes.split_first_chunk()?;
        let head = u32::from_be_bytes(*head);
        if head & DEFLATED == 0 {
            return Check::from_plain(bytes);
        }
        Check::from_plain(&inflate(rest, (head & !DEFLATED) as usize)?)
    }

    fn to_plain(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
        [&length.to_be_bytes()[..], &json, &self.request].concat()
    }

    fn from_plain(bytes: &[u8]) -> Option<Check> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (json, request) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let check: Check = serde_json::from_slice(json).ok()?;
        Some(Check { request: Bytes::copy_from_slice(request), ..check })
    }
}

/// In the length that comes first: what follows is deflated, and the rest of the length is that of the plain
/// form. No plain form is so long that its own length has it.
const DEFLATED: u32 = 1 << 31;

impl Found {
    /// Whether the doctor saw it.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        !self.acknowledged && self.action != Action::Silent.name()
    }
}

fn found(facts: &Facts, finding: &Finding, acknowledged: bool) -> Found {
    Found {
        id: finding.id.clone(),
        rule_id: finding.rule_id.clone(),
        official_code: finding.official_code.clone(),
        rule_name: finding.rule_name.clone(),
        severity: finding.severity.code().to_owned(),
        action: finding.action.name().to_owned(),
        behaviour: finding.behaviour.code().to_owned(),
        text: finding.text.clone(),
        basis: finding.basis.clone(),
        amount: finding.amount.map(|it| it.to_string()),
        lines: finding.lines.iter().map(|it| it.rx_id.clone()).collect(),
        involved: involved(finding),
        acknowledged,
        origin: (finding.origin == Origin::Bureau).then(|| finding.origin.name().to_owned()),
        circumstances: circumstances::of(facts, finding),
    }
}

fn involved(finding: &Finding) -> Vec<String> {
    let is_involved = |id: &String| !finding.violating().any(|it| it.rx_id == *id);
    finding.lines.iter().map(|it| it.rx_id.clone()).filter(is_involved).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The bytes of a log that is out in the world: if this fails, old logs cannot be read.
    #[test]
    fn version_1() {
        let check = a_check();
        let json = concat!(
            r#"{"check_id":"C1","part":0,"asked_at":"","answered_at":"","elapsed_us":0,"door":"national","#,
            r#""channel":null,"content_type":null,"scene":null,"outcome":"","patient":null,"encounter":null,"#,
            r#""department":null,"doctor":null,"findings":[{"id":"F1","rule_id":"","official_code":null,"#,
            r#""rule_name":"","severity":"","action":"","behaviour":"","text":"","basis":"","amount":null,"#,
            r#""lines":[],"acknowledged":false}],"unknown":[],"not_run":[],"rules_version":""}"#
        );
        let length = u32::try_from(json.len()).unwrap().to_be_bytes();
        let bytes = [&length, json.as_bytes(), b"{\xff"].concat();
        assert_eq!(check.to_plain(), bytes);
        assert_eq!(Check::from_bytes(&bytes), Some(check));
        assert_eq!(Check::from_bytes(&bytes[..20]), None);
        let old = [&14u32.to_be_bytes()[..], br#"{"future":[1]}"#, b"x"].concat();
        assert_eq!(Check::from_bytes(&old).unwrap().request, "x");
    }

    /// Bytes that another deflater wrote: any that keeps to RFC 1951 will do.
    #[test]
    fn version_2() {
        let written = [0x80, 0, 0, 0x15, 1, 0x15, 0, 0xea, 0xff];
        let plain = [&14u32.to_be_bytes()[..], br#"{"future":[1]}"#, b"{\xff\0"].concat();
        let bytes = [&written[..], &plain].concat();
        assert_eq!(Check::from_bytes(&bytes).unwrap().request, &b"{\xff\0"[..]);

        let request = Bytes::from(br#"{"rx_id":"1","cnt":"2"},"#.repeat(300));
        let check = Check { request, ..a_check() };
        let bytes = check.to_bytes();
        assert!(bytes.len() < check.request.len() / 10, "{}", bytes.len());
        assert_eq!(Check::from_bytes(&bytes), Some(check));
        for end in 0..bytes.len() {
            assert_eq!(Check::from_bytes(&bytes[..end]), None, "{end} of {}", bytes.len());
        }
    }

    fn a_check() -> Check {
        Check {
            check_id: "C1".to_owned(),
            door: Door::National,
            request: Bytes::from_static(b"{\xff"),
            findings: vec![Found { id: "F1".to_owned(), ..Found::default() }],
            ..Check::default()
        }
    }
}
