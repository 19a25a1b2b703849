//! A small mapping of our own: a visit whose sex is a local code that may be unknown, so that a
//! message can be made to wait, to be refused or to pass by one word of it.

use std::fs;

use crate::agent::{Agent, Setup};
use crate::cases::Message;

/// The code map of sex, below the folder of mappings: 男 and 女 are in it.
pub const MAP: &str = "v/codes/sex.csv";

/// A running agent whose channel `v` takes visits.
pub fn agent(setup: Setup) -> Agent {
    let mut agent = Agent::prepare(Setup {
        sets: Some("fallback_messages = 0".to_owned()),
        channels: "[[channel]]\nname = \"v\"\nmappings = [\"v/\"]".to_owned(),
        ..setup
    });
    let map = agent.mappings().join(MAP);
    fs::create_dir_all(map.with_file_name("")).expect("our own folder");
    fs::write(agent.mappings().join("v/visit.toml"), MAPPING).expect("our own folder");
    fs::write(map, "local,standard\n男,1\n女,2\n").expect("our own folder");
    agent.start_again();
    agent
}

/// What the HIS says about one visit.
pub fn visit(name: &str, patient: &str, encounter: &str, sex: &str) -> String {
    format!(
        "<a><name>{name}</name><id>{patient}</id><no>{encounter}</no><sex>{sex}</sex>\
         <time>2026-01-02 08:30:00</time><dept>d</dept></a>"
    )
}

/// `body` on its way to the channel.
pub fn message(body: impl Into<Vec<u8>>) -> Message {
    Message {
        channel: "v".to_owned(),
        content_type: Some("text/xml".to_owned()),
        bytes: body.into(),
        records: Vec::new(),
    }
}

const MAPPING: &str = r#"[mapping]
name = "visit"
profile = "clinical"
lane = 'no'

[codes.sex]
domain = "gend"
unknown = "park"

[[record]]
entity = "outpatient_registration"
each = "a"
key = ['id']

[record.elements]
psn_name = 'name'
patn_id = 'id'
ipt_otp_no = 'no'
mdtrt_sn = 'no'
gend = 'sex | code("sex")'
begntime = 'time | datetime("yyyy-MM-dd HH:mm:ss")'
dept_code = 'dept'
dept_name = 'dept'
"#;
