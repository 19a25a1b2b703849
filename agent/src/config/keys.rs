//! Every key of `agent.toml`: what it is for, in one sentence a language, and what holds without it.
//!
//! The shipped `config/agent.toml` and the manual's table of keys are written from this list; tests
//! keep both equal to it and the list equal to what is read. A new key is one entry here and one
//! line in `read`.

use std::fmt::Write as _;

use super::channels::SHIPPED;

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The table it stands in: empty for the top of the file, `channel` for each `[[channel]]`.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What holds without it.
    pub without: Without,
    /// The `kind` of its table that knows it; empty when every kind does.
    pub kind: &'static str,
    /// What it is for, in Chinese, one sentence.
    pub zh: &'static str,
    /// The same in English.
    pub en: &'static str,
}

/// What holds when a key is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// This value, as TOML text.
    Default(&'static str),
    /// Nothing: the key must be given. The value is an example.
    Must(&'static str),
    /// What the sentence says: no value stands for it. The value is an example.
    Nothing(&'static str),
}

impl Without {
    /// The value to show, as TOML text.
    pub const fn value(self) -> &'static str {
        match self {
            Without::Default(value) | Without::Must(value) | Without::Nothing(value) => value,
        }
    }
}

impl Key {
    /// Whether it stands in a table of which there may be many or none.
    fn is_of_list(&self) -> bool {
        LISTS.contains(&self.section)
    }

    /// Whether it stands in a `[[channel]]` or a table inside one.
    fn is_of_channel(&self) -> bool {
        self.section == "channel" || self.section.starts_with("channel.")
    }
}

macro_rules! keys {
    ($([$section:literal $kind:literal] $($name:ident $without:ident $value:literal $zh:literal $en:literal)*)*) => {
        /// Every key, in the order of the file.
        pub const KEYS: &[Key] = &[$($(Key {
            section: $section,
            name: stringify!($name),
            without: Without::$without($value),
            kind: $kind,
            zh: $zh,
            en: $en,
        }),*),*];
    };
}

keys! {
    ["" ""]
    stop_deadline_ms Default "30000"
        "停止时最多等多少毫秒；到时没送完的记录留在盘上，下次启动接着送。"
        "How long a stop may take, in milliseconds; what is left stays on disk for the next start."

    ["hospital" ""]
    code Must "\"H99999900001\""
        "医疗机构在医保的定点编码，写进每条记录和路由键，只能用字母和数字。"
        "The institution's code at the insurer, part of every record and routing key: letters and digits only."
    name Must "\"示例市人民医院\""
        "医疗机构名称，给人看的。"
        "The institution's name, for people."
    profile Default "\"national\""
        "地区版本：本地区对长度、代码、必填项的改动；映射可以用自己的 profile 另选。"
        "The regional version of the standard; a mapping may choose another with its own `profile`."
    grade Default "\"other\""
        "医院等级，决定违规证据（有问题的审查及其请求原文）至少保留多久：tertiary 三级甲等 5 年，secondary 二级甲等 3 年，other 其他 1 年。"
        "The institution's grade, which says how long evidence of findings stays at least: tertiary 5 years, secondary 3, other 1."

    ["listen" ""]
    his Default "\"127.0.0.1:8700\""
        "HIS 调用的地址和端口。"
        "Address and port for HIS callers."
    operators Default "\"127.0.0.1:8701\""
        "运维用的地址和端口：/healthz、/readyz、/metrics。"
        "Address and port for operators: /healthz, /readyz, /metrics."
    clear_text_off_loopback Default "false"
        "本版没有 TLS：监听本机以外的地址等于让患者数据明文过网，确实接受时才写 true。"
        "There is no TLS yet: an address off this machine means patient data in clear text; true accepts that."
    connections_max Default "2048"
        "同时的连接数；满了先关掉空着的连接，都在答复时新来的答 503（I144）。进程的文件描述符不够时按它的一半算。"
        "Connections at one time; when full, idle ones make room, and while all are being answered further ones get 503 (I144). At most half of the process's descriptors."
    messages_max Default "256"
        "同时处理的报文数，多出的答 503，请稍后重送。"
        "Messages at one time; further ones are answered 503 and come again."
    head_timeout_ms Default "15000"
        "从建立连接到收完请求头，最多多少毫秒。"
        "Milliseconds from the first byte of a connection to the end of the request's head."
    head_bytes_max Default "65536"
        "请求行和请求头一共最多多少字节，超过答 431（I142）。"
        "Bytes of the request line and headers together; above it the answer is 431 (I142)."
    idle_timeout_ms Default "75000"
        "一条连接两次请求之间最多空多少毫秒，到时关闭。"
        "Milliseconds a connection may be idle between two requests before it is closed."
    answer_timeout_ms Default "30000"
        "答复多少毫秒没有被收走一个字节就断开；小于 [events] patience_ms 时按后者。"
        "Milliseconds a caller may take nothing of its answer before it is cut off; [events] patience_ms where that is longer."
    body_timeout_ms Default "30000"
        "从请求头到收完报文，最多多少毫秒。"
        "Milliseconds from the end of the head to the end of the body."
    body_bytes_max Default "10485760"
        "一份报文最多多少字节。"
        "Bytes of one message."
    bodies_bytes_max Default "268435456"
        "正在收的报文一共最多多少字节，超过时新到的答 503；至少是 body_bytes_max。"
        "Bytes of all messages that are coming; above it the answer is 503. At least body_bytes_max."
    stream_bytes_max Default "1073741824"
        "流式通道的一份报文最多多少字节。"
        "Bytes of one message of a channel that streams."
    text_bytes_max Default "10485760"
        "报文里一个值最多多少字节。"
        "Bytes of one value in a message."
    depth_max Default "100"
        "元素或对象最多嵌套多少层。"
        "Levels of elements or objects inside each other."
    nodes_max Default "2000000"
        "一份报文最多多少个元素、属性和成员，嵌套的内层报文一并计入。"
        "Elements, attributes and members of one message, nested documents included."
    attributes_max Default "256"
        "一个元素最多多少个属性。"
        "Attributes of one element."

    ["sets" ""]
    schemas Nothing "\"/etc/his-agent/schemas\""
        "数据元、值域和地区版本的目录；不写就用程序自带的。"
        "Folder of entities, value domains and profiles; what is built in when left out."
    mappings Nothing "\"/etc/his-agent/mappings\""
        "映射和码表的目录；写了就只用它，不写就用程序自带的。"
        "Folder of mappings and code maps, in place of what is built in."
    rules Nothing "\"/etc/his-agent/rules\""
        "规则包的目录；写了就只用它，不写就用程序自带的。"
        "Folder of rule packs, in place of what is built in."
    overlay Nothing "\"/etc/his-agent/overlay\""
        "本院对规则包的修改和导入的知识点表的目录，由 his-agent rules 写；不写就是 rules 目录里的 overlay。"
        "Folder of the hospital's changes to rule packs, written by his-agent rules; overlay in the folder of rule packs when left out."
    candidate Nothing "\"/etc/his-agent/mappings-next\""
        "候选映射的目录：启动后所有通道的报文也用它试判一遍，只比较，不入库、不上送。"
        "Folder of mappings that every message is also judged by, for comparison only: nothing of it is stored or sent."
    archive Nothing "\"/var/lib/his-agent/sets\""
        "用过的整套文件存放在哪里（最近五套，供回退）；不写就放在发件箱目录旁边，名为 sets。"
        "Folder of the sets that were in force, the last five, to fall back to; sets beside the outbox when left out."
    poll_ms Default "10000"
        "每隔多少毫秒看一次上面的目录有没有变；本机磁盘另有系统通知，这主要用于网络盘。"
        "How often the folders are looked at, in milliseconds; mostly for network shares, which give no notice of edits."
    fallback_refused_percent Default "20"
        "换上新的一套后，一个通道最先的若干份报文里，只被新的拒收的超过百分之几，就自动换回原来的一套。"
        "Percent of a channel's first messages that a new set alone may refuse; beyond it the set before is in force again."
    fallback_messages Default "50"
        "上一项里的若干份是多少份；0 表示不自动换回。"
        "How many first messages those are; 0 never falls back."

    ["outbox" ""]
    dir Default "\"/var/lib/his-agent/outbox\""
        "发件箱的目录，要放在本机磁盘上，不要放在网络盘上。"
        "Folder of the outbox; on a disk of this machine, not on a network share."
    waiting_max Default "1024"
        "等待落盘的报文数，多出的答 503。"
        "Messages that may wait for the disk; further ones are answered 503."
    low_water Default "\"auto\""
        "磁盘空闲低于这么多就暂停接收（答 503），转发和审查照常：\"5%\"、\"2GiB\" 或 auto（1 GiB，不超过磁盘的一成）。"
        "Below so much free disk nothing new is taken in (503) while forwarding and checks go on: \"5%\", \"2GiB\", or auto (1 GiB, at most a tenth of the disk)."
    high_water Default "\"auto\""
        "空闲回到这么多就自动恢复接收；auto 是 2 GiB，不超过磁盘的一成半。"
        "From so much free disk on it is taken in again; auto is 2 GiB, at most 15% of the disk."
    key Nothing "\"file:/etc/his-agent/store.key\""
        "发件箱内容加密的主密钥（64 位十六进制），写 file:路径、env:变量名 或 credential:凭据名；不写时第一次启动在发件箱目录旁生成 store.key。必须另外备份，丢了发件箱里的内容谁也读不出。"
        "The key everything in the outbox is sealed with (64 hexadecimal digits): file:PATH, env:NAME or credential:NAME; without it store.key beside the outbox, made at the first start. Keep a copy elsewhere: without it nobody can read the outbox."

    ["messages" ""]
    keep_days Default "90"
        "一份报文的来龙去脉（时间、通道、记录、状态）可以查多少天。"
        "Days that one can see what became of a message: time, channel, records, state."
    raw_keep_days Default "30"
        "报文原样保留多少天，供查看和举证；0 表示不保留。"
        "Days that messages are kept as they came; 0 keeps none."
    raw_bytes_max Default "10737418240"
        "原样报文在盘上最多占多少字节（已压缩）；超过时从最早的删起。"
        "Bytes of these on the disk, compressed; beyond it the oldest go."
    records_keep_days Default "30"
        "平台已确认的记录保留多少天，供重发；0 表示确认后就删。"
        "Days that records stay after the platform has confirmed them, to be replayed; 0 lets them go at once."
    records_bytes_max Default "10737418240"
        "已确认的记录最多占多少字节；超过时从最早的删起。"
        "Bytes of confirmed records; beyond it the oldest go."

    ["control" ""]
    socket Nothing "\"/run/his-agent/control.sock\""
        "命令行与运行中的前置机通信的 unix 套接字；不写就放在发件箱目录旁边，名为 control.sock。"
        "The unix socket by which commands reach the running daemon; control.sock beside the outbox when left out."

    ["quality" ""]
    dir Nothing "\"/var/lib/his-agent/quality\""
        "数据质量统计的目录，一天一个文件；不写就放在发件箱目录旁边，名为 quality。"
        "Folder of the data quality counts, a file a day; quality beside the outbox when left out."
    keep_days Default "400"
        "数据质量统计保留多少天。"
        "Days that data quality counts are kept."

    ["forward" ""]
    kind Default "\"files\""
        "记录送到哪里：files 写成目录里的文件，amqp 送消息队列。"
        "Where records go: files writes them into a folder, amqp sends them to a broker."

    ["forward" "files"]
    dir Default "\"/var/lib/his-agent/records\""
        "记录文件和清单的目录。"
        "Folder of the record files and their manifests."

    ["forward" "amqp"]
    url Must "\"file:/etc/his-agent/secrets/amqp-url\""
        "消息队列的地址 amqp://用户:口令@主机:端口/虚拟主机；含口令时不能直接写，写 file:文件 或 env:变量名。"
        "The broker's address, amqp://user:password@host:port/vhost; with a password it is named, not written: file:PATH or env:NAME."
    urls Nothing "[\"file:/etc/his-agent/secrets/amqp-url-2\"]"
        "同一集群的其他地址，写法同 url；连不上时依次换用，连上哪个就一直用哪个。"
        "Further addresses of the same cluster, written as url is; tried in turn, and the one that works is kept."
    ca_file Nothing "\"/etc/his-agent/tls/platform-ca.pem\""
        "amqps 时除系统信任的以外还信任的 CA 证书，PEM 文件。"
        "With amqps: certificates of CAs to trust beside the system's, a PEM file."
    cert_file Nothing "\"/etc/his-agent/tls/agent.pem\""
        "平台要求双向 TLS 时本机的证书，PEM 文件，含中间证书。"
        "Our certificate where the platform wants mutual TLS: a PEM file, with those between."
    key_file Nothing "\"/etc/his-agent/tls/agent.key\""
        "本机证书的私钥，PEM 文件（PKCS#8），只让运行前置机的用户能读。"
        "The key of our certificate, a PEM file (PKCS#8) that only the agent's user can read."
    server_name Nothing "\"mq.platform.example\""
        "平台证书上的名字与地址里的主机不同时写在这里，也用作 SNI。"
        "The name in the broker's certificate when it differs from the address's host; also sent as SNI."
    auth Default "\"password\""
        "password：用地址里的用户和口令登录；external：用本机证书登录（SASL EXTERNAL）。"
        "password: the user and password of the address; external: our certificate says who we are (SASL EXTERNAL)."
    heartbeat_ms Default "10000"
        "与消息队列约定的心跳间隔，毫秒；对方无声断开时约两倍时间后发现。"
        "Heartbeat interval agreed with the broker, in milliseconds; a peer that vanished is noticed after about twice this."
    exchange Default "\"his.records\""
        "平台的 topic 交换机。"
        "The platform's topic exchange."
    declare Default "false"
        "是否由前置机声明交换机、仲裁队列和绑定；平台已经建好时不要开。"
        "Whether the agent declares exchange, quorum queue and binding; off when the platform has them."
    queue Default "\"his.records\""
        "declare = true 时声明的队列名。"
        "The queue to declare, with declare = true."
    expect_queue Nothing "\"his.records\""
        "平台收记录的队列名，写了就在每次连接时核对它是不是仲裁队列（账号要有这个队列的 configure 权限；不会建队列）。不写时 /readyz 一直提示 F115：队列类型未核对。"
        "The platform's queue that gets the records: with it each connection checks that it is a quorum queue (needs a configure right on it; never makes one). Without it /readyz keeps saying F115, queue type not checked."
    window Default "256"
        "已发出、还没得到确认的消息最多多少条。"
        "Messages in flight without a confirm."
    confirm_timeout_ms Default "30000"
        "一条消息多少毫秒没有得到确认，就断开重连、从最早未确认的一条重发。"
        "Milliseconds a confirm may take before the connection is dropped and what is undecided goes again."
    batch Default "\"auto\""
        "auto：积压时把同一路由键的最多 16 条记录合成一条消息；off：一条记录总是一条消息。"
        "auto: under backlog up to 16 records of one routing key share a message; off: never."
    retry_first_ms Default "200"
        "第一次失败后等多少毫秒再试；之后每次加倍，其中一半随机。"
        "Milliseconds before the first try again; doubled after each failure, half of it left to chance."
    retry_longest_ms Default "30000"
        "两次尝试之间最长等多少毫秒。"
        "Milliseconds between two tries at most."
    breaker_after Default "5"
        "一个路由键连续被拒多少次后熔断：只拿一条记录试探，试通后其余立即继续。"
        "Refusals in a row of one routing key after which only one of its records is tried; once it passes, the others follow at once."
    poison Default "\"park\""
        "平台因某一条记录关闭信道（多为过大）时：park 再试一次仍被拒就记入死信，本通路继续；block 一直保留并重试，本通路等它。其他通路不受影响。"
        "A record over which the broker closes the channel (too large): park makes it a dead letter after a second try and its lane goes on; block keeps trying and its lane waits. Other lanes never wait."
    recheck_ms Default "60000"
        "多少毫秒换一次信道，以便发现已被收回的写权限和已删除的交换机。"
        "Milliseconds after which a fresh channel is taken, so that a right taken away or a deleted exchange shows."
    alert_after_ms Default "300000"
        "故障持续多少毫秒后告警：写一条 error 日志，并列入 /readyz 和指标。"
        "Milliseconds a trouble may last before it is an alert: an error in the log, in /readyz and in the metrics."
    first Default "[\"outpatient_prescription\", \"inpatient_order\", \"settlement\", \"settlement_fund\", \"settlement_list\", \"settlement_list_diagnosis\", \"settlement_request\"]"
        "积压时先送的数据元实体：处方、医嘱和结算。"
        "Entities that go before all others under backlog: prescriptions, orders, settlements."
    last Default "[\"check_result\", \"check_finding\", \"check_feedback\"]"
        "积压时让路的数据元实体：前置机自己产生的审查记录。"
        "Entities that make way under backlog: the agent's own records of checks."

    ["check" ""]
    deadline_ms Default "500"
        "一次事前审查最多多少毫秒；调用方可以用 X-Deadline-Ms 要求更短。"
        "Milliseconds a check may take; a caller may ask for less with X-Deadline-Ms."
    log_keep_days Default "400"
        "审查日志保留多少天。"
        "Days that checks are kept in their log."
    log_bytes_max Default "10737418240"
        "审查日志最多占多少字节；超过时从最早的一小时删起。"
        "Bytes of the log of checks; beyond it the oldest hours go."
    ignored_after_ms Default "86400000"
        "一个问题多少毫秒没有处置反馈，就记为忽略；之后再来的反馈仍然接受。"
        "Milliseconds without feedback after which a finding counts as ignored; feedback that comes later is still taken."
    override_percent_max Default "60"
        "一条规则最近 7 天的问题中，医生坚持执行的超过百分之多少就告警；至少 20 个问题才计算。"
        "Percent of a rule's findings of the last 7 days that doctors may override before operators are told; 20 findings at least."
    report Default "true"
        "审查、问题和处置是否作为记录送平台。"
        "Whether the platform gets checks, findings and feedback as records."

    ["history" ""]
    keep_days Default "400"
        "患者在本院的既往（医嘱、费用、就诊、诊断、过敏、检验）保留多少天，供审查使用；0 表示不建。"
        "Days that the past of patients (orders, charges, visits, diagnoses, allergies, results) is kept for checks; 0 for none."
    key_file Nothing "\"/etc/his-agent/patient.key\""
        "患者假名和既往加密用的密钥文件，不存在时自动生成；不写时在发件箱目录旁，名为 patient.key；要备份，丢了既往就读不出。"
        "Key of patients' pseudonyms and of their encrypted past, made when missing; without it patient.key beside the outbox. Back it up: the past cannot be read without it."

    ["relay" ""]
    url Nothing "\"http://10.0.0.8:8080/insurance/{infno}\""
        "医保端自己的 3101 地址；写了就把国家接口门收到的 3101、3102 同时转发过去，结果合并。{infno} 换成交易编号；不写不转发。"
        "The insurer's own 3101: with it, what the national door takes also goes there and the findings are merged. {infno} becomes the number; without it nobody is asked."
    course_url Nothing "\"http://10.0.0.8:8080/fsi/api/riskConService/courseAnalyze\""
        "3102 的地址；不写时用 url。"
        "Where 3102 goes; without it, url."
    feedback_url Nothing "\"http://10.0.0.8:8080/insurance/3103\""
        "3103 的地址，医生对医保端问题的处置送到这里；不写时用 url。"
        "Where 3103 goes, what doctors answer to the insurer's findings; without it, url."
    ca_file Nothing "\"/etc/his-agent/bureau-ca.pem\""
        "https 时信任的证书文件，PEM。"
        "Certificates to trust for https, PEM."
    restate Default "false"
        "/v1/checks 和通道的审查是否改写成 3101（结算场景 3102）也去问；缺了医保端必填的要素就不问，并在答复里写明缺什么。"
        "Whether checks of /v1/checks and of channels are restated as 3101 (3102 at settlement) and asked too; where an element that the insurer demands is missing, nobody is asked and the answer says which."
    stated Nothing "{ mdtrtarea_admvs = \"430100\", recer_sys_code = \"YBXT\", infver = \"1.0.0\", opter_type = \"1\" }"
        "改写时审查里没有的要素用这里的值，按国家接口的字段名写：医院自己的、各单据都一样的，如 medins_lv、reim_flag。"
        "Values for what such a check does not say, under the interface's own names: what the hospital knows of itself, the same for every request."
    headers Nothing "{ apikey = \"file:/etc/his-agent/bureau-apikey\" }"
        "转发时加的请求头，值写 file:、env: 或 credential:；调用方自己的 _api_*、x-tif-*、apikey 头原样带过去。"
        "Headers to add, their values by file:, env: or credential:; a caller's own _api_*, x-tif-* and apikey go along as they are."

    ["events" ""]
    callers Default "[]"
        "哪些调用者可以收事件（[[caller]] 的 name）；空表示只有本机可以。"
        "Who may listen, by the names of [[caller]]; only this machine when empty."
    show Default "[\"encounter\", \"bed\", \"doctor\", \"rule\", \"text\", \"lines\", \"reason\"]"
        "事件里除问题编号、科室、严重程度和处理方式外还写什么；另有 amount、scene；患者姓名和证件号从不写。"
        "What events tell besides finding, department, severity and action; amount and scene can be added; never a patient's name or number."
    keep_days Default "7"
        "事件留多少天，断线的屏幕在这之内可以接着收；0 表示不产生事件。"
        "How many days events stay for listeners that come back; 0 makes none."
    listeners_max Default "128"
        "同时最多多少个屏幕，多出的答 503。"
        "Listeners at one time; further ones are answered 503."
    heartbeat_ms Default "15000"
        "没有事件时每隔多少毫秒送一次心跳。"
        "Milliseconds of silence before a heartbeat is sent."
    patience_ms Default "30000"
        "送出的内容多少毫秒没有被收走就断开；屏幕重连后从断处接着收。"
        "Milliseconds a listener may leave what it was sent; it is cut off then, and goes on where it was."
    origins Default "[]"
        "别的网站的页面也要收事件时写它的来源，例如 http://his.example。"
        "Origins of other web sites whose pages may listen, such as http://his.example."

    ["caller" ""]
    name Must "\"ward-screens\""
        "调用者的名字，写在日志和别处的 callers 里。"
        "The caller's name, for logs and for `callers` elsewhere."
    token_sha256 Nothing "\"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\""
        "令牌的 SHA-256（printf %s 令牌 | sha256sum）；调用时带 Authorization: Bearer 令牌。"
        "SHA-256 of its token (printf %s TOKEN | sha256sum); it calls with Authorization: Bearer TOKEN."
    addresses Default "[]"
        "只许从这些地址调用；与令牌都写时两者都要对。"
        "Where it may call from; with a token, both must be right."
    departments Default "[]"
        "只给它看这些科室的事件；空表示全部。"
        "Departments whose events it may hear; all when empty."

    ["query" ""]
    name Must "\"prescriptions\""
        "查询的名字，写在日志里；调用时可以写 query=名字。"
        "The query's name, for the log; callers may write query=NAME."
    callers Must "[\"ward-screens\"]"
        "哪些调用者可以用（[[caller]] 的 name）。"
        "Who may ask it, by the names of [[caller]]."
    entity Must "\"fee_detail_outpatient\""
        "读哪一种记录。"
        "The entity that is read."
    elements Must "[\"rxno\", \"psn_no\", \"cnt\"]"
        "给出哪些数据元。"
        "The elements that are told."
    unmasked Nothing "[\"psn_no\"]"
        "能认出人的数据元默认只露首尾，确需明文的写在这里。"
        "Elements that identify a person show only first and last character, unless they are named here."
    patient_by Nothing "[\"psn_no\", \"certno\", \"patn_id\", \"medcasno\"]"
        "按患者查时比较哪些数据元；不写时就是例子里的这些。"
        "The elements by which a patient is asked for; those of the example when left out."
    rows_max Default "100"
        "一页最多多少条。"
        "Records of one page."

    ["subscription" ""]
    name Must "\"emr\""
        "订阅的名字；推送到哪里了记在这个名字下，改名等于新订阅。"
        "The subscription's name; its place is kept under it, so another name is a new subscription."
    url Must "\"http://10.0.0.9:8080/records\""
        "推送到的地址，一条记录一次 POST；https 要写 ca_file。"
        "Where records go, one POST each; https needs ca_file."
    entities Must "[\"outpatient_prescription\"]"
        "推送哪些记录。"
        "Which records go."
    when Default "[]"
        "只推送数据元合条件的：\"med_type=11|12\" 是其中之一，\"psn_type!=1\" 不是。"
        "Only those whose elements fit: \"med_type=11|12\" one of them, \"psn_type!=1\" none."
    elements Default "[]"
        "只带这些数据元；空表示整条记录。"
        "Only these elements go; the whole record when empty."
    template Nothing "\"/etc/his-agent/push/emr.xml\""
        "模板文件，写成对方要的 XML、SOAP 或 JSON；不写就是标准记录的 JSON。"
        "A template in the other system's words (XML, SOAP, JSON); the standard record's JSON without one."
    content_type Default "\"application/json; charset=utf-8\""
        "请求头 Content-Type。"
        "The header Content-Type."
    soap_action Nothing "\"urn:save\""
        "对方是 SOAP 1.1 时的 SOAPAction。"
        "SOAPAction, for SOAP 1.1."
    answer_has Nothing "\"<code>0</code>\""
        "对方收下时答复里一定有的文字；不写时状态 2xx 就是收下。"
        "What the answer to a record that was taken has in it; any 2xx without this key."
    headers Nothing "{ Authorization = \"file:/etc/his-agent/secrets/emr\" }"
        "对方要求的请求头，值写在文件、环境变量或凭据里。"
        "Headers that the other system wants, their values in files, the environment or credentials."
    ca_file Nothing "\"/etc/his-agent/tls/emr-ca.pem\""
        "https 时信任的证书，PEM 文件。"
        "With https, the certificates to trust, a PEM file."
    timeout_ms Default "10000"
        "一次推送最多多少毫秒。"
        "Milliseconds one call may take."
    keep_days Default "30"
        "对方一直收不了时，一条记录最多等多少天；到时放弃并报出条数。"
        "Days a record waits for a subscriber that takes nothing; then it is given up and told."
    from_oldest Default "false"
        "新订阅从还保留的最早一条开始，而不是从现在起。"
        "Whether a new subscription begins with the oldest record kept, and not with what comes."

    ["reconcile" ""]
    daily_at Nothing "\"06:30\""
        "每天几点自动与平台对前一天的账（东八区），只对不补，不平就告警；不写就不自动对，因为平台要先会答。"
        "When the day before is compared with the platform each day (China time); differences raise an alert and are not repaired. Off without it: the platform has to answer."

    ["log" ""]
    level Default "\"info\""
        "日志级别：error、warn、info、debug，或按模块写 warn,agent=debug；环境变量 HIS_AGENT_LOG 优先。"
        "Log level: error, warn, info, debug, or by module: warn,agent=debug; the variable HIS_AGENT_LOG wins."
    format Default "\"text\""
        "日志写成 text（给人看）还是 json（给采集程序）。"
        "Log lines as text for people or json for collectors."

    ["channel" ""]
    name Must "\"platform\""
        "通道名，出现在地址、记录和日志里：字母、数字、- 和 _。"
        "The channel's name in addresses, records and logs: letters, digits, - and _."
    format Default "\"auto\""
        "报文格式：auto、xml、soap、json、form、hl7、csv；写明后收到别的格式会被拒绝；csv 要写明才会按它读。"
        "The wire format: auto, xml, soap, json, form, hl7 or csv; anything else is refused once it is named; csv is never guessed."
    skip_to Nothing "\"<\""
        "跳过报文里这段文字之前的内容，例如误放在 XML 前面的 HTTP 头；不写就不跳。"
        "Skip what stands before this text, such as an HTTP head in front of the XML; nothing is skipped without it."
    strip_controls Default "false"
        "去掉报文里的控制字符（制表、回车、换行除外）；默认不去掉，含控制字符的报文会被拒绝。"
        "Take control characters other than tab and line ends out of a message, which is refused for them otherwise."
    strip_nuls Default "false"
        "去掉报文里的 NUL 字符；默认只去掉末尾的，中间的会使报文被拒绝。"
        "Take NULs out wherever they stand; without it only those at the end are, and others refuse the message."
    stream Nothing "\"root/fees/fee\""
        "很长的 XML 报文里逐条重复的元素的路径：逐条处理，内存不随报文变长，回执只给条数；要求 format = \"xml\"。"
        "Path of the element that repeats in very long XML: taken item by item in flat memory, the receipt then holds counts; needs format = \"xml\"."
    keys Nothing "{ body = \"file:/etc/his-agent/secrets/his-body\" }"
        "映射解密和验签用的密钥：名字 = file:文件、env:变量名 或 credential:systemd 凭据名；密钥不能直接写。"
        "What its mappings decrypt and verify with: name = file:PATH, env:NAME or credential:NAME; never the key itself."
    unwrap Default "[]"
        "整个报文外面包了什么，从外到里：url、hex、base64、gzip，或一种加密方法，例如 aes-128-cbc。"
        "What whole bodies are wrapped in, from the outside: url, hex, base64, gzip or a cipher such as aes-128-cbc."
    unwrap_key Nothing "\"body\""
        "unwrap 里加密方法的密钥：keys 里的名字。"
        "The key of the cipher in `unwrap`: a name of `keys`."
    unwrap_iv Nothing "\"front\""
        "unwrap 里 cbc 的初始向量：front（密文的第一块）、key（密钥的开头）、zero，或 keys 里的名字。"
        "The vector of a cbc in `unwrap`: front (the first block), key (the key's beginning), zero, or a name of `keys`."
    unwrap_padding Default "\"pkcs7\""
        "unwrap 里加密的末块怎样填充：pkcs7，或 zero（补零，或没有填充）。"
        "What fills the last block of the cipher in `unwrap`: pkcs7, or zero."
    mappings Default "[]"
        "允许用哪些映射：映射文件路径的开头；空表示全部。"
        "Which mappings it may use: beginnings of their paths; empty means all."
    answer Nothing "\"platform/answers/dialect.toml\""
        "用哪个答复文件，相对于映射目录；不写时用映射所在目录的 answer.toml，没有就用通用答复。"
        "Which answer file it uses, relative to the mappings; without it the answer.toml in the mapping's folder, or the generic answers."
    check_deadline_ms Nothing "300"
        "本通道的一次审查最多多少毫秒；不写时用 [check] 的 deadline_ms。"
        "Milliseconds a check of this channel may take; without it, deadline_ms of [check]."

    ["channel.mllp" ""]
    listen Must "\"127.0.0.1:2575\""
        "本通道收 HL7（MLLP）的地址和端口，每个通道一个；有这一段才开这个门。"
        "Address and port at which this channel takes HL7 over MLLP, one a channel; the door is open when this table is there."
    connections_max Default "64"
        "这个门同时的连接数，多出的在内核里排队。"
        "Connections of this door at one time; further ones wait in the kernel's queue."
    idle_timeout_ms Default "3600000"
        "两份报文之间一条连接最多多少毫秒没有动静，到时关闭，发送方重连即可。"
        "Milliseconds a connection may say nothing between two messages before it is closed; the sender connects again."
    frame_timeout_ms Default "30000"
        "从一帧的第一个字节到最后一个字节最多多少毫秒；应答多少毫秒没有被收走也按此关闭。"
        "Milliseconds from a frame's first byte to its last, and for an answer to be taken."
    clear_text_off_loopback Default "false"
        "没有证书而监听本机以外的地址等于让患者数据明文过网，确实接受时才写 true。"
        "An address off this machine without a certificate means patient data in clear text; true accepts that."
    cert_file Nothing "\"/etc/his-agent/tls/mllp.pem\""
        "这个门的证书，PEM 文件，含中间证书；写了就只接受 TLS。"
        "The door's certificate, a PEM file, with those between; with it only TLS is taken."
    key_file Nothing "\"/etc/his-agent/tls/mllp.key\""
        "证书的私钥，PEM 文件，只让运行前置机的用户能读。"
        "The key of the certificate, a PEM file that only the agent's user can read."
    client_ca_file Nothing "\"/etc/his-agent/tls/senders-ca.pem\""
        "只接受由这些 CA 签发证书的发送方（双向 TLS），PEM 文件。"
        "Takes only senders whose certificates these CAs have signed (mutual TLS), a PEM file."

    ["channel.folder" ""]
    dir Must "\"/var/spool/his-agent/in\""
        "本通道的投放目录，HIS 往里放文件，每个通道一个；有这一段才开这个门。"
        "Folder into which the HIS of this channel drops files, one a channel; the door is open when this table is there."
    ready Default "\"rest\""
        "怎样算写完：rest（大小和时间一段时间不变）、mark（旁边有了标志文件）或 rename（在别处写好再移进来，看见就收）。"
        "How one sees that a file is whole: rest (size and time do not change), mark (a second file has come) or rename (moved here when whole)."
    settle_ms Default "5000"
        "ready = \"rest\" 时，大小和时间多少毫秒不变才算写完。"
        "With ready = \"rest\", milliseconds for which size and time must not change."
    rest_max_ms Default "600000"
        "ready = \"rest\" 时，一个一直在变的文件最多让后面的等多少毫秒；之后先收后面的，并报警（I196）。"
        "With ready = \"rest\", milliseconds those behind it wait for a file that never rests; then they go first, and I196 is told."
    mark Default "\".ok\""
        "ready = \"mark\" 时，标志文件的名字是文件名加上它。"
        "With ready = \"mark\", what the second file has behind the name of the first."
    endings Default "[]"
        "只收名字以这些结尾的文件，例如 [\".xml\"]；空表示全部。"
        "Takes only files whose names end so, such as [\".xml\"]; empty means all."
    order Default "\"name\""
        "先收哪个：name（按名字，其中的数字按大小）或 time（按时间，旧的先）。"
        "Which is taken first: name (numbers in it by their value) or time (the oldest)."
    answers Default "\"text\""
        "answers 目录里的应答写什么：text（几行中文）、body（本通道在别的门给的答复）或 none（不写）。"
        "What the files in `answers` hold: text (some lines for people), body (the channel's answer as at its other doors) or none."
    poll_ms Default "2000"
        "每隔多少毫秒看一次目录；本机目录另有内核通知，网络共享只靠它。"
        "How often the folder is looked at, in milliseconds; the kernel's notices come besides, but not from network shares."
    keep_days Default "30"
        "收好的文件和应答保留多少天；failed 里的不删。"
        "Days that taken files and answers stay; what is in `failed` stays."
    keep_bytes_max Default "0"
        "archive 里最多留多少字节，超过时旧的先删，不论天数；0 不限。"
        "Bytes of taken files; beyond it the oldest go, whatever their days; 0 sets no bound."

    ["channel.totals" ""]
    url Must "\"http://10.0.0.9/totals?day={day}\""
        "每天从这个地址（GET）取 HIS 自己的日合计，{day} 换成日期 20261122；有这一段才取。"
        "Where the HIS's own totals of a day are fetched (GET), {day} being the day; they are fetched when this table is there."
    daily_at Default "\"06:00\""
        "每天几点取前一天的（东八区），没取到的每十分钟再取，最多补七天；要比 [reconcile] daily_at 早。"
        "When those of the day before are fetched (China time), tried again every ten minutes, for seven days; before daily_at of [reconcile]."
    headers Nothing "{ Authorization = \"file:/etc/his-agent/secrets/his-totals\" }"
        "HIS 要求的请求头，值写在文件、环境变量或凭据里。"
        "Headers that the HIS wants, their values in files, the environment or credentials."
    ca_file Nothing "\"/etc/his-agent/tls/his-ca.pem\""
        "https 时信任的证书，PEM 文件。"
        "With https, the certificates to trust, a PEM file."
    timeout_ms Default "60000"
        "一次最多等多少毫秒。"
        "Milliseconds one call may take."

    ["channel.view" ""]
    connection Must "\"file:/etc/his-agent/secrets/his-odbc\""
        "数据库视图的 ODBC 连接串，每个通道一个；含口令，写 file:文件、env:变量名 或 credential:systemd 凭据名。有这一段才开这个门。"
        "ODBC connection string of the database whose view this channel reads, one a channel; file:PATH, env:NAME or credential:NAME since it holds a password. The door is open when this table is there."
    table Nothing "\"HIS.V_MZCF\""
        "读哪个视图或表；与 query 二选一。"
        "The view or table that is read; this or `query`."
    query Nothing "\"SELECT * FROM HIS.V_MZCF WHERE 院区 = '1'\""
        "读哪个 SELECT（一句，不带分号和注释）；外面会再包一层。"
        "The SELECT that is read, one without `;` and comments; it is wrapped in another."
    watermark Nothing "\"ID\""
        "水位列：只增不减、不为空的编号或时间，读它之后的行；不写就每次整个视图按 key 比较。"
        "The column that grows and is never NULL, a number or a time: rows behind the last one are read; without it the whole view is compared by `key` each time."
    key Default "[]"
        "哪些列合起来认得一行，不为空；水位相同的行靠它排次序，没有水位列时必填。"
        "The columns, never NULL, that together tell rows apart: they order rows of one watermark, and must be given without one."
    start Nothing "\"2026-11-01 00:00:00\""
        "第一次从水位列的哪个值读起（含）；不写从头读。"
        "The watermark from which it is read the first time; from the beginning when left out."
    page_rows Default "500"
        "一次向数据库要多少行。"
        "Rows that are asked for at one time."
    rows_max Default "100000"
        "一次运行最多收多少新行，余下的下次接着收。"
        "New rows that one run takes at most; the next goes on behind them."
    paging Nothing "\"rownum\""
        "怎样分页：limit、top、rownum 或 cursor（不写进语句，读够就关游标）；不写按数据库自报的名字选。"
        "How a page is asked for: limit, top, rownum or cursor (not in the statement); by the database's name when left out."
    every_ms Default "60000"
        "一次运行结束后多少毫秒再来。"
        "Milliseconds from the end of a run to the next."
    cron Nothing "\"*/5 7-19 * * *\""
        "在哪些分钟开始（东八区，五段：分 时 日 月 星期），代替 every_ms。"
        "The minutes at which runs begin, in China time, five fields; in place of every_ms."
    hours Default "[]"
        "只在这些时段开始（东八区），例如 [\"07:00-19:00\", \"22:00-02:00\"]；空表示全天。"
        "The hours in which runs may begin, in China time, such as [\"07:00-19:00\"]; empty means all day."
    timeout_ms Default "60000"
        "登录和一条查询各最多多少毫秒；到时由数据库取消，取消不了就杀掉读取进程，前置机不受影响。"
        "Milliseconds that logging in and a query may take; then the database cancels it, or the worker is killed."
    charset Nothing "\"gbk\""
        "驱动按什么编码给文字：utf-8、gbk 或 gb18030，不转换、严格解码；不写就让驱动给 UTF-16。"
        "The encoding in which the driver gives texts: utf-8, gbk or gb18030, read strictly; without it the driver gives UTF-16."
    overlap Default "300"
        "每次从水位往回多少开始读（水位是时间时为秒，是编号时为号数），收迟到的行；读过的按内容认出，不重收。"
        "How far behind the watermark each run begins (seconds of a time, numbers of an id), for rows that were committed late; those read before are known by their content."
    sweep Default "86400"
        "隔一段时间往回多读一次的范围，单位同 overlap，收迟到更久的行，也收数据库时钟拨回时写的行。"
        "How far back a sweep begins now and then, in the units of overlap, for rows that came later still or while the database's clock was set back."
    sweep_every_ms Default "3600000"
        "隔多少毫秒往回多读一次；启动后的第一次运行总是。"
        "Milliseconds from one sweep to the next; the first run after a start is one."
    alert_after Default "3"
        "连续失败多少次才报警。"
        "Failures in a row before there is an alert."

    ["channel.soap" ""]
    namespace Must "\"http://tempuri.org/\""
        "HIS 编译时所用服务的 targetNamespace，一个字符也不能差；没有命名空间写空字符串。有这一段才提供 WSDL。"
        "The targetNamespace that the HIS was compiled with, to the letter; empty for none. The service is described when this table is there."
    also_namespaces Nothing "[\"www.zysoft.com.cn\"]"
        "同一服务的其他命名空间；用哪个来就用哪个答。"
        "Other namespaces that the service is called in; each is answered in itself."
    service Default "\"Service\""
        "WSDL 里的服务名。"
        "The service's name in the WSDL."
    style Default "\"document\""
        "document（参数包在方法名元素里）、bare（Body 里直接是参数）、rpc（rpc/literal）或 encoded（rpc/encoded）。"
        "document (parameters in an element named after the operation), bare (parameters in the body), rpc (rpc/literal) or encoded (rpc/encoded)."
    qualified Default "true"
        "elementFormDefault：true 是 qualified（.NET），false 是 unqualified（Java JAX-WS）。"
        "elementFormDefault: true is qualified (.NET), false unqualified (Java JAX-WS)."
    describe Default "[\"1.1\", \"1.2\"]"
        "WSDL 里写哪些：SOAP 1.1、1.2，form 是 HTTP POST 表单；没写的照样能调。"
        "What the WSDL offers: SOAP 1.1, 1.2, and form for HTTP POST; what is left out is answered all the same."
    paths Nothing "[\"/x/Service.asmx\"]"
        "除 /soap/通道名 以外的地址，不分大小写；写原来服务的路径，HIS 就只需改主机和端口。"
        "Addresses besides /soap/NAME, in any case: with the old service's path a HIS has to change host and port only."
    address Nothing "\"http://192.168.1.10:8700/x/Service.asmx\""
        "WSDL 里的服务地址；不写就按请求的 Host 头生成。"
        "The address in the WSDL; without one it is made from the request's Host header."
    trust_forwarded Default "false"
        "前面有反向代理时，生成地址是否相信它的 X-Forwarded-Host、X-Forwarded-Proto。"
        "Whether a proxy's X-Forwarded-Host and X-Forwarded-Proto are believed when the address is made."
    answer_as_called Default "false"
        "答复是否用来文的编码（GBK 来 GBK 答）；缺省一律 UTF-8，各种客户端都读得懂。"
        "Whether answers are in the caller's encoding, GBK to GBK; otherwise UTF-8, which every client reads."
    get Default "false"
        "是否也接受 GET 服务地址/方法?参数=值；参数会留在代理和日志里，确实需要才开。"
        "Whether GET ADDRESS/Operation?name=value is taken, too; parameters then stay in logs of proxies."

    ["channel.soap.operation" ""]
    name Must "\"CallInterface\""
        "方法名，与原服务一致。"
        "The operation's name, as the old service has it."
    parameters Nothing "[\"msgHeader\", \"msgBody\"]"
        "参数名，按顺序；来文的名字全都对不上时按顺序认。"
        "The parameters' names in their order; by that order they are taken when no name of a call fits."
    results Nothing "[\"CallInterfaceResult\"]"
        "结果元素名，不写是 方法名Result；多个结果时 code:名字 放代码（0 是成功），message:名字 放说明，只写名字的放答复正文。"
        "Names of the results, NAME and Result when left out; code:NAME holds the code (0 is success), message:NAME a sentence, a name alone the answer."
    response Nothing "\"CallInterfaceResponse\""
        "包住结果的元素名，不写是 方法名Response。"
        "The element around the results, NAME and Response when left out."
    action Nothing "\"http://tempuri.org/CallInterface\""
        "soapAction，可以为空；不写是 命名空间/方法名。"
        "The soapAction, which may be empty; namespace/NAME when left out."
    to Default "\"messages\""
        "messages 入库并答回执，checks 审查、不入库，答审查结果。"
        "messages are stored and answered with a receipt; checks are judged, not stored, and answered with the verdict."
    channel Nothing "\"his-check\""
        "用另一个通道的映射和答复模板；不写就用本通道的。"
        "Another channel whose mappings and answers are used; this one's when left out."
}

/// The shipped `config/agent.toml`: every key explained, what must be given given, the rest
/// commented out with its default.
#[must_use]
pub fn example() -> String {
    let mut out = HEAD.to_owned();
    let mut before: Option<&Key> = None;
    for key in KEYS.iter().filter(|it| !it.is_of_channel()) {
        let begins = before.is_none_or(|it| it.section != key.section);
        if begins && !key.section.is_empty() {
            let heading = if key.is_of_list() { LIST_HEAD } else { "" };
            let (open, close) = if key.is_of_list() { ("# [[", "]]") } else { ("[", "]") };
            let _ = write!(out, "\n{heading}{open}{}{close}\n", key.section);
        } else if before.is_some_and(|it| it.kind != key.kind) {
            let kind = key.kind;
            let _ = write!(
                out,
                "\n# ---- 以下只用于 kind = \"{kind}\" | with kind = \"{kind}\" only ----\n"
            );
        }
        explain(key, &mut out);
        // With another `kind` than the default one, not even a required key may stand in the file.
        let given =
            matches!(key.without, Without::Must(_)) && key.kind.is_empty() && !key.is_of_list();
        let mark = if given { "" } else { "# " };
        let _ = writeln!(out, "{mark}{} = {}", key.name, key.without.value());
        before = Some(key);
    }
    channels(&mut out);
    out
}

fn channels(out: &mut String) {
    out.push_str(CHANNELS_HEAD);
    let mut table = "channel";
    for key in KEYS.iter().filter(|it| it.is_of_channel()) {
        if key.section != table {
            table = key.section;
            let shown = if table == OPERATION { format!("[{table}]") } else { table.to_owned() };
            let _ = write!(out, "\n# ---- 以下写在 [{shown}] 里 | in [{shown}] ----\n");
        }
        explain(key, out);
        let _ = writeln!(out, "# {} = {}", key.name, key.without.value());
    }
    for channel in SHIPPED {
        channel.write(out);
    }
}

/// The one table in a channel of which there may be several.
const OPERATION: &str = "channel.soap.operation";

fn explain(key: &Key, out: &mut String) {
    let _ = write!(out, "\n# {}\n# {}\n", key.zh, key.en);
}

const HEAD: &str = "\
# his-agent 的配置。去掉行首的 # 再改值；写错的键、错误的值都会在启动前一次列出，不会被悄悄改正。
# 改完先检查：his-agent validate --config 本文件
#
# The configuration of his-agent. Commented lines show the defaults. Wrong keys and values are told,
# all at once, before anything starts: his-agent validate --config THIS-FILE
";

/// Tables that are written as often as needed.
const LISTS: [&str; 3] = ["caller", "query", "subscription"];

const LIST_HEAD: &str = "# ---- 每个一段，可以没有 | one table each, or none ----\n";

const CHANNELS_HEAD: &str = "
# 通道：一个来源系统一个 [[channel]]，地址是 /v1/channels/通道名/messages 和 /soap/通道名。
# 下面每个通道对应一种自带的报文形状；用不到的删去。每个通道可以写的键：
#
# Channels: one [[channel]] a source, at /v1/channels/NAME/messages and /soap/NAME. Each of those below
# matches a shape of messages that comes with the program; delete what is not used. Keys of a channel:
";

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;
    use crate::config::{Config, ForwardConfig};
    use crate::sets::Sets;

    const LEAST: &str = "[hospital]\ncode = \"H99999900001\"\nname = \"示例市人民医院\"\n";
    const SECRET: &str = "file:/etc/his-agent/secrets/amqp-url";

    #[test]
    fn the_shipped_file_is_this_table() {
        let path = shipped("agent.toml");
        if std::env::var_os("HIS_AGENT_UPDATE").is_some() {
            std::fs::write(&path, example()).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text == example(),
            "config/agent.toml is not what keys.rs says: run the tests with HIS_AGENT_UPDATE=1"
        );
    }

    #[test]
    fn the_shipped_file_starts_an_agent_with_a_channel_for_every_shipped_vendor() {
        let config = accept(&example());
        let mut names: Vec<&str> = config.channels.iter().map(|it| it.name.as_str()).collect();
        names.sort_unstable();
        let mut vendors: Vec<&str> =
            mappings::SHIPPED.iter().filter_map(|(path, _)| vendor_of(path)).collect();
        vendors.dedup();
        assert_eq!(names, vendors);
        let sets = Sets::load(&config).unwrap();
        assert_eq!(sets.channels.len(), vendors.len());
    }

    /// The folder of a mapping; nothing for what only goes with one.
    fn vendor_of(path: &str) -> Option<&str> {
        let (vendor, file) = path.split_once('/')?;
        let (name, ending) = file.rsplit_once('.')?;
        let is_mapping = ending == "toml" && !file.contains('/') && name != "answer";
        is_mapping.then_some(vendor)
    }

    /// A default that is told and a default that holds must be one.
    #[test]
    fn writing_every_default_out_changes_nothing() {
        let told = defaults(&example(), "files");
        assert_ne!(told, example());
        assert_eq!(seen(&accept(&told)), seen(&accept(&example())));
        for channel in [
            "",
            "format = \"auto\"\nunwrap = []\nunwrap_padding = \"pkcs7\"\nstrip_controls = false\nstrip_nuls = false\nmappings = []\n",
        ] {
            let config = accept(&format!("{LEAST}[[channel]]\nname = \"a\"\n{channel}"));
            assert_eq!(
                format!("{:?}", config.channels),
                "[ChannelConfig { name: \"a\", format: Auto, prepare: Prepare { unwrap: [], \
                 skip_to: None, strip_controls: false, strip_nuls: false }, keys: {}, stream: None, \
                 mappings: [], answer: None, check_deadline: None, mllp: None, folder: None, totals: None, view: None, soap: None }]"
            );
        }
    }

    #[test]
    fn writing_every_default_of_amqp_out_changes_nothing() {
        let amqp = |keys: String| {
            accept(&format!(
                "{LEAST}[forward]\nkind = \"amqp\"\nurl = \"amqp://broker:5672\"\n{keys}"
            ))
        };
        let told =
            KEYS.iter().filter(|it| it.kind == "amqp" && matches!(it.without, Without::Default(_)));
        let told: Vec<String> =
            told.map(|it| format!("{} = {}\n", it.name, it.without.value())).collect();
        let told = told.concat();
        assert_eq!(seen(&amqp(told)), seen(&amqp(String::new())));
    }

    #[test]
    fn every_key_is_read_and_a_wrong_type_is_told_with_its_name() {
        for key in KEYS {
            let problems = Config::parse("agent.toml", &with(key, "{}")).unwrap_err();
            let named = format!("`{}` must be ", key.name);
            let told =
                problems.iter().any(|it| it.code == "A004" && it.message.starts_with(&named));
            assert!(told, "{}.{}: {problems:?}", key.section, key.name);
        }
    }

    #[test]
    fn a_key_that_is_not_in_the_table_is_told() {
        for key in KEYS {
            let misspelt = Key { name: "no_such_key", ..*key };
            let problems = Config::parse("agent.toml", &with(&misspelt, "1")).unwrap_err();
            assert!(problems.iter().any(|it| it.code == "A003"), "{}: {problems:?}", key.section);
        }
    }

    /// Finds the names in the sources, so that a key cannot be read and not be told.
    #[test]
    fn every_key_that_is_read_is_in_the_table() {
        let source: String = include_str!("read.rs")
            .split("#[cfg(test)]")
            .next()
            .unwrap()
            .lines()
            .chain(include_str!("forward.rs").lines())
            .chain(include_str!("secrets.rs").lines())
            .chain(include_str!("unwrap.rs").lines())
            .chain(include_str!("relay.rs").lines())
            .chain(include_str!("subscription.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
            .chain(include_str!("query.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
            .chain(include_str!("callers.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
            .chain(include_str!("totals.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
            .chain(include_str!("mllp.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
            .chain(include_str!("folder.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
            .chain(include_str!("view.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
            .chain(include_str!("soap.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
            .flat_map(str::split_whitespace)
            .collect();
        let read: BTreeSet<&str> = GETTERS
            .iter()
            .flat_map(|getter| source.split(getter).skip(1))
            .map(|it| it.split('"').next().unwrap())
            .collect();
        let told: BTreeSet<&str> = KEYS.iter().map(|it| it.name).collect();
        assert_eq!(read, told);
    }

    /// How `read` asks for a key.
    const GETTERS: [&str; 12] = [
        ".secrets(\"",
        ".text(\"",
        ".texts(\"",
        ".required(\"",
        ".parsed(\"",
        ".switch(\"",
        ".number(\"",
        ".size(\"",
        ".duration(\"",
        "secret(section,\"",
        "one_of(section,\"",
        "file(\"",
    ];

    #[test]
    fn the_other_examples_are_accepted() {
        for name in [
            "examples/small-clinic.toml",
            "examples/large-hospital.toml",
            "examples/hl7-mllp.toml",
            "examples/soap-asmx.toml",
            "examples/drop-folder.toml",
            "examples/database-view.toml",
        ] {
            let text = std::fs::read_to_string(shipped(name)).unwrap();
            let text = text.replace(SECRET, "amqp://broker:5672");
            let text = ["his-odbc", "fees-odbc"].iter().fold(text, |text, it| {
                text.replace(&format!("file:/etc/his-agent/secrets/{it}"), "DSN=his")
            });
            let config = accept(&text);
            assert!(Sets::load(&config).is_ok(), "{name}");
        }
    }

    #[track_caller]
    fn accept(text: &str) -> Config {
        Config::parse("agent.toml", text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
    }

    /// Everything a configuration says, what its `Debug` hides among it.
    fn seen(config: &Config) -> String {
        match &config.forward {
            ForwardConfig::Amqp(it) => {
                let access = &it.access;
                let (urls, name) = (&access.urls, &access.server_name);
                let more = (access.heartbeat, access.external, &access.ca_pem);
                format!("{config:?} {urls:?} {name:?} {more:?} {:?}", access.identity_pem)
            }
            ForwardConfig::Files { .. } => format!("{config:?}"),
        }
    }

    /// The file with its commented defaults uncommented, those of channels and of other kinds left.
    fn defaults(text: &str, kind: &str) -> String {
        let stated: BTreeSet<String> = KEYS
            .iter()
            .filter(|it| {
                !it.is_of_channel() && !it.is_of_list() && (it.kind.is_empty() || it.kind == kind)
            })
            .filter(|it| matches!(it.without, Without::Default(_)))
            .map(|it| format!("# {} = {}", it.name, it.without.value()))
            .collect();
        // The keys of channels share names with others; they stand at the end.
        let (text, channels) = text.split_once(CHANNELS_HEAD).unwrap();
        let all =
            text.lines()
                .map(|it| {
                    if stated.contains(it) { format!("{}\n", &it[2..]) } else { format!("{it}\n") }
                })
                .collect::<String>();
        all + CHANNELS_HEAD + channels
    }

    /// The least configuration with one key more.
    fn with(key: &Key, value: &str) -> String {
        let line = format!("{} = {value}\n", key.name);
        let kind =
            if key.kind.is_empty() { String::new() } else { format!("kind = \"{}\"\n", key.kind) };
        match key.section {
            "" => format!("{line}{LEAST}"),
            "hospital" => format!("{}{line}", LEAST.replace(&format!("\n{} = ", key.name), "\n# ")),
            "channel" => format!("{LEAST}[[channel]]\n{line}"),
            list if LISTS.contains(&list) => format!("{LEAST}[[{list}]]\n{line}"),
            "channel.mllp" => format!("{LEAST}[[channel]]\nname = \"a\"\n[channel.mllp]\n{line}"),
            "channel.folder" => {
                format!("{LEAST}[[channel]]\nname = \"a\"\n[channel.folder]\n{line}")
            }
            "channel.totals" => {
                format!("{LEAST}[[channel]]\nname = \"a\"\n[channel.totals]\n{line}")
            }
            "channel.view" => format!("{LEAST}[[channel]]\nname = \"a\"\n[channel.view]\n{line}"),
            "channel.soap" => format!("{LEAST}[[channel]]\nname = \"a\"\n[channel.soap]\n{line}"),
            OPERATION => format!(
                "{LEAST}[[channel]]\nname = \"a\"\n[channel.soap]\n[[channel.soap.operation]]\n{line}"
            ),
            section => format!("{LEAST}[{section}]\n{kind}{line}"),
        }
    }

    fn shipped(name: &str) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "..", "config", name].iter().collect()
    }
}
