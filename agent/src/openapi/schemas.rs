//! The words of answers and requests, as JSON Schema, by name.

/// Name and schema.
pub(super) const SCHEMAS: &[(&str, &str)] = &[
    (
        "Refusal",
        r##"{"type":"object","required":["code","message","request_id"],"properties":{
        "code":{"type":"integer","minimum":1,"maximum":15,"description":"T/CIIA 046-2024 附录A"},
        "message":{"type":"string"},"request_id":{"type":"string"},
        "detail":{"type":"array","items":{"$ref":"#/components/schemas/Problem"}}}}"##,
    ),
    (
        "Problem",
        r#"{"type":"object","required":["code"],"description":"一处问题：代码见 docs/codes.md","properties":{
        "code":{"type":"string","pattern":"^[A-Z][0-9]{3}$"},"path":{"type":"string"},"element":{"type":"string"},
        "expected":{"type":"string","description":"该怎样写"}}}"#,
    ),
    (
        "Receipt",
        r#"{"type":"object","required":["code","message","data","request_id"],"properties":{
        "code":{"const":0},"message":{"type":"string"},"request_id":{"type":"string"},
        "data":{"type":"object","required":["message_id","received_at"],"properties":{
            "message_id":{"type":"string"},"received_at":{"type":"string","pattern":"^[0-9]{14}$"},
            "records":{"type":"array","items":{"type":"object","required":["record_id","entity","key","status"],"properties":{
                "record_id":{"type":"string"},"entity":{"type":"string"},"key":{"type":"string"},
                "status":{"enum":["accepted","duplicate","parked","quarantined"]}}}},
            "counts":{"type":"object","description":"流式通道"}}}}}"#,
    ),
    (
        "CheckRequest",
        r#"{"type":"object","description":"各组和数据元见 docs/check.md；没有的组不写，问过没有的写空","properties":{
        "patient":{"type":"object"},"encounter":{"type":"object"},"prescriber":{"type":"object"},
        "diagnoses":{"type":"array","items":{"type":"object"}},"orders":{"type":"array","items":{"type":"object"}},
        "allergies":{"type":"array","items":{"type":"object"}},"labs":{"type":"array","items":{"type":"object"}}}}"#,
    ),
    (
        "CheckAnswer",
        r#"{"type":"object","required":["code","message","data","request_id"],"properties":{
        "code":{"const":0},"message":{"type":"string"},"request_id":{"type":"string"},
        "data":{"type":"object","required":["check_id","outcome","received","findings","unknown","elapsed_us"],"properties":{
            "check_id":{"type":"string"},"outcome":{"enum":["complete","partial","degraded"]},
            "received":{"type":"object","description":"每组数据：有、没有发、发了空的","additionalProperties":{"enum":["present","absent","empty"]}},
            "findings":{"type":"array","items":{"type":"object","required":["jr_id","rule_id","action"],"properties":{
                "jr_id":{"type":"string"},"rule_id":{"type":"string"},"rule_name":{"type":"string"},
                "action":{"enum":["block","reason","self_pay","confirm","hint","silent"]}}}},
            "unknown":{"type":"array","items":{"type":"object"}},
            "acknowledged":{"type":"array","items":{"type":"string"}},
            "elapsed_us":{"type":"integer","minimum":0}}}}}"#,
    ),
    (
        "Feedback",
        r#"{"type":"object","description":"见 docs/check.md 的处置反馈；科室答复疑点见 docs/audit.md"}"#,
    ),
    (
        "Totals",
        r#"{"type":"object","required":["day","totals"],"properties":{
        "day":{"type":"string","pattern":"^[0-9]{8}$"},
        "totals":{"type":"array","items":{"type":"object","required":["entity","count"],"properties":{
            "entity":{"type":"string"},"count":{"type":"integer","minimum":0},
            "sums":{"type":"object","additionalProperties":{"type":["string","number"]}}}}}}}"#,
    ),
    (
        "NationalRequest",
        r#"{"type":"object","description":"国家接口的信封：3101、3102、3103、3660、3661","properties":{
        "infno":{"type":"string"},"msgid":{"type":"string"},"input":{"type":"object"}}}"#,
    ),
    (
        "NationalAnswer",
        r#"{"type":"object","required":["infcode","inf_refmsgid","refmsg_time","respond_time","err_msg","output"],"properties":{
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
            "records":{"type":"array","items":{"type":"object","required":["record_id","seq","revision","entity","key","received_at","state","elements"],"properties":{
                "record_id":{"type":"string"},"seq":{"type":"integer"},"revision":{"type":"integer"},"entity":{"type":"string"},
                "key":{"type":"string"},"channel":{"type":"string"},"received_at":{"type":"string"},
                "state":{"enum":["waiting","delivered"]},"elements":{"type":"object"}}}}}}}}"#,
    ),
    (
        "Done",
        r#"{"type":"object","required":["code","message","data","request_id"],"properties":{
        "code":{"const":0},"message":{"type":"string"},"data":{},"request_id":{"type":"string"}}}"#,
    ),
    (
        "Standing",
        r#"{"type":"object","required":["ready","outbox","room","forward"],"properties":{
        "ready":{"type":"boolean"},"outbox":{"type":"object"},"room":{"type":"object"},"forward":{"type":"object"}}}"#,
    ),
    ("Document", r#"{"type":"object","required":["openapi","info","paths"]}"#),
    ("Asked", r#"{"type":"object"}"#),
];
