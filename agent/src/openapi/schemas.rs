//! The words of answers and requests, as JSON Schema, by name. What a check's request may be is told by
//! its own reader. That answers have these members and no others, and that what a schema lets through is
//! taken, is proved from outside: see `tests/it/schemathesis.rs`.

use serde_json::Value;

use super::parsed;

/// Every schema by its name.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Value)> {
    let written = SCHEMAS.iter().map(|(name, text)| (*name, parsed(text)));
    written.chain([("CheckRequest", rules::request::schema())])
}

/// Name and schema.
const SCHEMAS: &[(&str, &str)] = &[
    (
        "Refusal",
        r##"{"type":"object","required":["code","message","detail","request_id"],"properties":{
        "code":{"type":"integer","minimum":1,"maximum":15,"description":"T/CIIA 046-2024 附录A"},
        "message":{"type":"string"},"request_id":{"type":"string"},
        "detail":{"type":"array","items":{"$ref":"#/components/schemas/Problem"}}}}"##,
    ),
    (
        "Problem",
        r#"{"type":"object","required":["code","expected"],"description":"一处问题：代码见手册 codes.md","properties":{
        "code":{"type":"string","pattern":"^[A-Z][0-9]{3}$"},"path":{"type":"string"},"element":{"type":"string"},
        "found":{"type":"string"},"expected":{"type":"string","description":"该怎样写"}}}"#,
    ),
    (
        "Receipt",
        r##"{"type":"object","required":["code","message","data","request_id"],"properties":{
        "code":{"const":0},"message":{"type":"string"},"request_id":{"type":"string"},
        "data":{"type":"object","required":["message_id","received_at"],"properties":{
            "message_id":{"type":"string"},"received_at":{"type":"string","pattern":"^[0-9]{14}$"},
            "records":{"type":"array","items":{"type":"object","required":["record_id","entity","key","status","findings"],"properties":{
                "record_id":{"type":"string"},"entity":{"type":"string"},"key":{"type":"string"},
                "seq":{"type":"integer"},"revision":{"type":"integer"},
                "status":{"enum":["accepted","duplicate","parked"]},
                "findings":{"type":"array","items":{"$ref":"#/components/schemas/Problem"}}}}},
            "counts":{"type":"object","description":"流式通道没有 records，只有条数",
                "required":["records","accepted","duplicate","parked","warnings"],"properties":{
                "records":{"type":"integer"},"accepted":{"type":"integer"},"duplicate":{"type":"integer"},
                "parked":{"type":"integer"},"warnings":{"type":"integer"}}}}}}}"##,
    ),
    (
        "CheckAnswer",
        r##"{"type":"object","required":["code","message","data","request_id"],"properties":{
        "code":{"const":0},"message":{"type":"string"},"request_id":{"type":"string"},
        "data":{"type":"object","required":["check_id","outcome","received","findings","unknown","not_checked","questions","tasks",
            "data_findings","not_run","rules_version","elapsed_us","acknowledged"],"properties":{
            "check_id":{"type":"string"},"outcome":{"enum":["complete","partial","degraded"]},
            "received":{"type":"object","description":"每组数据：有、没有发、发了空的","additionalProperties":{"enum":["present","absent","empty"]}},
            "findings":{"type":"array","items":{"type":"object","required":["jr_id","rule_id","rule_name","vola_cont","patn_id","mdtrt_id",
                "judge_result_detail_dtos","vola_amt","vola_amt_stas","sev_deg","vola_evid","vola_bhvr_type","action","origin"],"properties":{
                "jr_id":{"type":"string"},"rule_id":{"type":"string"},"rule_name":{"type":"string"},"vola_cont":{"type":"string"},
                "patn_id":{"type":"string"},"mdtrt_id":{"type":"string"},
                "judge_result_detail_dtos":{"type":"array","items":{"type":"object","properties":{
                    "jrd_id":{"type":"string"},"patn_id":{"type":"string"},"mdtrt_id":{"type":"string"},"rx_id":{"type":"string"},
                    "vola_item_type":{"type":"string"},"vola_amt":{"type":"number"}}}},
                "vola_amt":{"type":"number"},"vola_amt_stas":{"type":"string"},"sev_deg":{"type":"string"},
                "vola_evid":{"type":"string"},"vola_bhvr_type":{"type":"string"},"official_code":{"type":"string"},
                "action":{"enum":["block","reason","self_pay","confirm","hint"]},"origin":{"enum":["local","bureau"]}}}},
            "unknown":{"type":"array","items":{"type":"object","required":["rule_id","rule_name","text","missing"],"properties":{
                "rule_id":{"type":"string"},"rule_name":{"type":"string"},"text":{"type":"string"},
                "missing":{"type":"array","items":{"type":"string"}}}}},
            "not_checked":{"type":"array","items":{"type":"object","required":["rule_ids","missing"],"properties":{
                "rule_ids":{"type":"array","items":{"type":"string"}},"missing":{"type":"array","items":{"type":"string"}}}}},
            "questions":{"type":"array","items":{"type":"object","required":["question_id","rule_id","rule_name","text","missing"],"properties":{
                "question_id":{"type":"string"},"rule_id":{"type":"string"},"rule_name":{"type":"string"},"text":{"type":"string"},
                "missing":{"type":"array","items":{"type":"string"}}}}},
            "tasks":{"type":"array","items":{"type":"object","required":["rule_id","lines","text","due_hours"],"properties":{
                "rule_id":{"type":"string"},"lines":{"type":"array","items":{"type":"string"}},"text":{"type":"string"},
                "due_hours":{"type":"integer"}}}},
            "data_findings":{"type":"array","description":"没有采信的值","items":{"$ref":"#/components/schemas/Problem"}},
            "not_run":{"type":"array","items":{"type":"string"}},
            "bureau":{"type":"string"},"bureau_text":{"type":"string"},"rules_version":{"type":"string"},
            "elapsed_us":{"type":"integer","minimum":0},
            "acknowledged":{"type":"array","items":{"type":"string"}}}}}}"##,
    ),
    (
        "Feedback",
        r##"{"description":"对问题或疑点的答复，两者分两次发送；一条时可以不写外面的列表。见手册 check.md、audit.md","anyOf":[
        {"type":"object","required":["feedback"],"properties":{"feedback":{"anyOf":[
            {"type":"array","minItems":1,"maxItems":500,"items":{"$ref":"#/components/schemas/OfFinding"}},
            {"type":"array","minItems":1,"maxItems":500,"items":{"$ref":"#/components/schemas/OfSuspicion"}}]}}},
        {"$ref":"#/components/schemas/OfFinding"},{"$ref":"#/components/schemas/OfSuspicion"}]}"##,
    ),
    (
        "OfFinding",
        r#"{"type":"object","required":["jr_id","state"],"description":"医生对一个问题的处置","properties":{
        "jr_id":{"type":["string","number"],"pattern":"\\S","description":"审查答复里的 jr_id"},
        "state":{"enum":["changed","continued","self_pay","voided"]},
        "dspo_way":{"enum":["1","2",1,2,null]},
        "dspo_way_rea":{"type":["string","null"],"description":"continued 要写原因"},
        "cons_flag":{"type":["string","boolean","null"],"description":"self_pay 要有知情同意：y 或 true"},
        "opter":{"type":["string","number","null"]},"aprv_opter":{"type":["string","number","null"]},
        "dspo_time":{"type":["string","null"],"description":"YYYYMMDDhhmmss；不写就是收到的时间"}}}"#,
    ),
    (
        "OfSuspicion",
        r#"{"type":"object","required":["jr_id","state","opter"],"description":"科室对一个疑点的答复","properties":{
        "jr_id":{"type":["string","number"],"pattern":"\\S"},"state":{"enum":["explained","corrected"]},
        "opter":{"type":["string","number"],"pattern":"\\S"},"dspo_way_rea":{"type":["string","null"]}}}"#,
    ),
    (
        "FeedbackAnswer",
        r#"{"type":"object","required":["code","message","data","request_id"],"properties":{
        "code":{"const":0},"message":{"type":"string"},"request_id":{"type":"string"},
        "data":{"type":"object","required":["feedback"],"properties":{"feedback":{"type":"array","items":{
            "type":"object","required":["jr_id","state","since","status"],"properties":{
            "jr_id":{"type":"string"},"state":{"type":["string","null"]},"since":{"type":["string","null"]},
            "check_id":{"type":["string","null"]},"status":{"enum":["recorded","repeated"]}}}}}}}}"#,
    ),
    (
        "Totals",
        r#"{"type":"object","required":["day","totals"],"additionalProperties":false,
        "description":"一天的合计；没有业务的写条数 0。还没有到的、账已不在本机的日子答 409","properties":{
        "day":{"type":"string","pattern":"^(19|20)[0-9]{2}(0[13578]|1[02])(0[1-9]|[12][0-9]|3[01])$|^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])$|^(19|20)[0-9]{2}(0[469]|11)(29|30)$"},
        "totals":{"type":"array","minItems":1,"items":{"type":"object","required":["entity","count"],"additionalProperties":false,"properties":{
            "entity":{"type":"string"},"count":{"type":"integer","minimum":0,"maximum":1000000000000000},
            "sums":{"type":"object","description":"以 amt、_pay、_fee 结尾的数据元的和","propertyNames":{"pattern":"(amt|_pay|_fee)$"},
                "additionalProperties":{"anyOf":[{"type":"number","minimum":-1000000000000000,"maximum":1000000000000000},
                    {"type":"string","pattern":"^[-+]?[0-9]{1,15}(\\.[0-9]{1,6})?$"}]}}}}}}}"#,
    ),
    (
        "TotalsAnswer",
        r#"{"type":"object","required":["code","message","data","request_id"],"properties":{
        "code":{"const":0},"message":{"type":"string"},"request_id":{"type":"string"},
        "data":{"type":"object","required":["day","channel","entities"],"properties":{
            "day":{"type":"string"},"channel":{"type":"string"},"entities":{"type":"integer"},
            "outcome":{"enum":["balanced","different"],"description":"这一天已经过完的，与收到的记录对过"},
            "lines":{"type":"array","items":{"type":"object","properties":{
                "entity":{"type":"string"},"channel":{"type":"string"},"equal":{"type":"boolean"},
                "his":{"type":"object"},"ours":{"type":"object"}}}}}}}}"#,
    ),
    (
        "NationalRequest",
        r#"{"description":"国家接口的信封：3101、3102、3103、3660、3661。写法各家不同，读不懂的也用信封答复，infcode 是 -1","properties":{
        "infno":{},"msgid":{},"input":{}}}"#,
    ),
    (
        "NationalAnswer",
        r#"{"type":"object","required":["infcode","inf_refmsgid","refmsg_time","respond_time","err_msg","warn_msg","output"],"properties":{
        "infcode":{"enum":[0,-1]},"inf_refmsgid":{"type":"string"},"refmsg_time":{"type":"string"},
        "respond_time":{"type":"string"},"err_msg":{"type":"string"},"warn_msg":{"type":"string"},
        "output":{"type":["object","null"]}}}"#,
    ),
    (
        "Records",
        r#"{"type":"object","required":["code","message","data","request_id"],"properties":{
        "code":{"const":0},"message":{"type":"string"},"request_id":{"type":"string"},
        "data":{"type":"object","required":["records","next"],"properties":{
            "next":{"type":["string","null"],"description":"下一页的 after；空表示到头"},
            "records":{"type":"array","items":{"type":"object","required":["record_id","seq","revision","entity","key","channel","received_at","state","elements"],"properties":{
                "record_id":{"type":"string"},"seq":{"type":"integer"},"revision":{"type":"integer"},"entity":{"type":"string"},
                "key":{"type":"string"},"channel":{"type":"string"},"received_at":{"type":"string"},
                "state":{"enum":["waiting","delivered","lost","refused"]},"elements":{"type":"object"}}}}}}}}"#,
    ),
    (
        "Done",
        r#"{"type":"object","required":["code","message","data","request_id"],"properties":{
        "code":{"const":0},"message":{"type":"string"},"data":{},"request_id":{"type":"string"}}}"#,
    ),
    (
        "Standing",
        r#"{"type":"object","description":"各部分的成员见手册 operator.md","required":["ready","outbox","room","clock","tls","folders","views",
        "checks","history","subscriptions","reconcile","patrol","forward"],"properties":{
        "ready":{"type":"boolean"},"outbox":{"type":"object"},"room":{"type":"object"},"clock":{"type":"object"},
        "tls":{"type":"object"},"folders":{"type":"object"},"views":{"type":"object"},"checks":{"type":"object"},
        "history":{"type":"object"},"subscriptions":{"type":"array"},"reconcile":{"type":"object"},
        "patrol":{},"forward":{"type":"object"}}}"#,
    ),
    ("Document", r#"{"type":"object","required":["openapi","info","paths"]}"#),
    ("Asked", r#"{"type":"object"}"#),
];
