//! Every metric of the daemon: its name, its kind, its labels, what it says.
//!
//! `/metrics` takes its HELP and TYPE lines from this table, and the manual its page; tests keep the table
//! equal to the names in the sources. Names follow Prometheus: base units (seconds, bytes), `_total` for
//! what only grows. A label's values are few and known before: channels, entities, codes, words; never
//! anything out of a message.

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// Its labels, with a blank between.
    pub labels: &'static str,
    /// What it says, for the manual.
    pub zh: &'static str,
    /// The same in English, for HELP.
    pub en: &'static str,
}

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the agent is started anew.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often it took how long.
    Histogram,
}

impl Kind {
    /// The word of the exposition format.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }

    /// The word of the manual.
    pub const fn zh(self) -> &'static str {
        match self {
            Kind::Counter => "计数",
            Kind::Gauge => "量",
            Kind::Histogram => "直方图",
        }
    }
}

/// The metric of a name.
pub(super) fn of(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|it| it.name == name)
}

macro_rules! metrics {
    ($($name:literal $kind:ident $labels:literal $zh:literal $en:literal)*) => {
        /// All of them, by subject.
        pub static METRICS: &[Metric] = &[$(Metric {
            name: $name,
            kind: Kind::$kind,
            labels: $labels,
            zh: $zh,
            en: $en,
        }),*];
    };
}

metrics! {
    // The doors.
    "his_agent_messages_total" Counter "channel outcome"
        "报文：`accepted` 接收，`parked` 待对照，`refused` 拒收，`busy` 答忙，`no_room` 磁盘空间不足，`failed` 存储故障"
        "Messages by what became of them at the door."
    "his_agent_records_total" Counter "status"
        "记录：`accepted` 新收，`duplicate` 重复，`parked` 待对照"
        "Records that came in messages which were taken."
    "his_agent_receipt_seconds" Histogram "channel"
        "从收到请求到答复，拒收的也算"
        "From a request to its answer, refusals among them."
    "his_agent_stage_seconds" Histogram "stage"
        "路上的每一段用时：`decode` 解码，`map` 映射，`validate` 校验，`store` 写入并落盘（成批落盘，含等同批的时间），`evaluate` 审查规则，`answer` 写答复，`confirm` 发布到确认（写文件时是一个文件写完并落盘）"
        "Time spent in each stage of the road; store waits for the sync, confirm for the publisher confirm."
    "his_agent_connections_total" Counter "outcome"
        "连接满了时：`sent_away` 空着而让出位置的，`refused` 答了 503 的；`no_tls` 在用 TLS 的门上没有握手成功的"
        "Connections that made room for others, those that found none, and those that failed to speak TLS."
    "his_agent_refused_calls_total" Counter "code"
        "没有让进来的调用，按代码：没有令牌 I221、令牌不对 I222、过期或停用 I223、没有权限 I224、暂时不理 I225、太频繁 I226、地址不许 I227、不许收事件 I161"
        "Calls that were not let in, by the code they were told."
    "his_agent_mllp_connections" Gauge "channel"
        "MLLP 门现有的连接"
        "Connections that an MLLP door has."
    "his_agent_mllp_stray_bytes_total" Counter "channel"
        "MLLP 帧以外的字节；一直在涨就请对方查"
        "Bytes outside of MLLP frames."
    "his_agent_mllp_full_total" Counter "channel outcome"
        "MLLP 门的连接到了上限时：`sent_away` 空着而被关掉、让出位置的，`refused` 没有等到位置的"
        "Connections of a full MLLP door that made room for others, and those that found none."
    "his_agent_folder_open" Gauge "channel"
        "投放目录：1 在收，0 没在收"
        "1 while a drop folder is served."
    "his_agent_folder_waiting" Gauge "channel"
        "投放目录里等着收的文件"
        "Files that wait in a drop folder."
    "his_agent_folder_files_total" Counter "channel outcome"
        "文件：`taken` 收下，`failed` 拒收，`again` 留着再来"
        "Dropped files by what became of them."
    "his_agent_view_open" Gauge "channel"
        "数据库视图：1 在读，0 没在读"
        "1 while a database view is read."
    "his_agent_view_rows_total" Counter "channel outcome"
        "视图的行：`taken` 收下，`refused` 进死信，`known` 读过，`vanished` 视图里少了"
        "Rows of database views by what became of them."
    "his_agent_view_runs_total" Counter "channel outcome"
        "读视图：`done` 读完，`failed` 没读成"
        "Readings of database views."
    // Codes, sets, quality.
    "his_agent_parked_messages" Gauge ""
        "待对照的报文，排在后面的也算"
        "Messages that wait for a local code to be mapped, or behind one."
    "his_agent_parked_released_total" Counter ""
        "对照好以后放行的报文"
        "Parked messages that went on."
    "his_agent_parked_refused_total" Counter ""
        "对照好以后发现另有问题、转入死信的报文"
        "Parked messages that turned out to be wrong otherwise."
    "his_agent_set_info" Gauge "digest"
        "在用的一套映射、码表和规则，值总是 1"
        "The set of mappings, code maps and rules in force; always 1."
    "his_agent_set_swaps_total" Counter "outcome"
        "换映射：`swapped` 换上，`refused` 没换成，`fell_back` 自动换回"
        "Exchanges of the set in force."
    "his_agent_quality_records_total" Counter "channel entity"
        "数据质量：看到的记录，被拒收报文里的也算"
        "Records looked at for their quality, those of refused messages among them."
    "his_agent_quality_missing_total" Counter "channel entity"
        "其中缺必填值的处数"
        "Required values that were missing."
    "his_agent_quality_nonconforming_total" Counter "channel entity"
        "其中不合标准的值"
        "Values against the standard."
    "his_agent_quality_inconsistent_total" Counter "channel entity"
        "其中前后矛盾的值"
        "Values that contradict others."
    "his_agent_quality_delay_seconds" Histogram "channel entity"
        "从事情发生到收到，按档计，和等于各档上限之和"
        "From a fact to its message, each counted as the upper bound of its bucket."
    // Checks.
    "his_agent_checks_total" Counter "outcome"
        "审查：`complete`、`partial`、`degraded`"
        "Checks by how far they could be decided."
    "his_agent_check_seconds" Histogram ""
        "审查用时，从收到请求到判完"
        "From the request for a check to its verdict."
    "his_agent_check_log_total" Counter "outcome"
        "审查日志：`kept` 记下，`lost` 来不及记"
        "Checks written to the log, and those that found no room."
    "his_agent_feedback_total" Counter "state"
        "处置：各种状态，`ignored` 是超时"
        "What doctors did with findings."
    "his_agent_rule_hits_total" Counter "rule shown"
        "每条规则的命中；`shown` 为 `no` 的是静默的或已处置过的；医保端的规则合计在 `bureau`"
        "Hits of each rule; the insurer's rules together."
    "his_agent_rules_overridden" Gauge ""
        "最近7天医生坚持执行的比例超过 `[check] override_percent_max` 的规则数，名字见 `/readyz`"
        "Rules that doctors override more often than is allowed."
    "his_agent_relay_total" Counter "outcome"
        "转给医保端的审查，按结果"
        "Checks that the insurer was asked about."
    "his_agent_relay_feedback_total" Counter "outcome"
        "送到医保端的处置，按结果"
        "Doctors' answers on their way to the insurer."
    "his_agent_history_records_total" Counter "outcome"
        "归入患者既往的记录，按结果"
        "Records folded into the past of patients."
    "his_agent_history_behind_records" Gauge ""
        "还没有归入既往的记录"
        "Records not yet folded into the past of patients."
    "his_agent_history_checks_total" Counter ""
        "记入既往的审查"
        "Checks remembered in the past of patients."
    "his_agent_history_recalls_total" Counter "outcome"
        "审查时读既往：`found`、`new`、`nobody`（没有患者标识）、`late`、`busy`、`unreadable`"
        "Readings of a patient's past for a check."
    "his_agent_history_rows_unreadable_total" Counter ""
        "既往里读不出的行"
        "Rows of the past that could not be read."
    "his_agent_audit_answers_total" Counter "state"
        "对审核疑点的答复"
        "Answers to suspicions of the audit."
    "his_agent_plan_runs_total" Counter "outcome"
        "计划的运行：`done` 完成、`failed` 失败、`stopped` 前置机停止时中断；原因见 `his-agent rules plan runs --log`"
        "Runs of plans."
    "his_agent_events_cut_total" Counter ""
        "因为长时间不收而断开的屏幕"
        "Listeners that took nothing and were cut off."
    "his_agent_patrol_lines" Gauge "state"
        "最近一次巡检各有多少项：`ok` 正常、`warn` 提醒、`fail` 故障"
        "Lines of the last patrol by how the thing is."
    "his_agent_backup_newest_timestamp_seconds" Gauge ""
        "备份目录里本机最近一份备份开始做的时间（Unix 秒）；没有是 0"
        "When the newest backup of this store was begun, as Unix time; 0 when there is none."
    // The outbox and its disk.
    "his_agent_outbox_waiting" Gauge ""
        "发件箱里等待的记录"
        "Records in the outbox that the platform has not confirmed."
    "his_agent_outbox_waiting_bytes" Gauge ""
        "它们的字节数"
        "Bytes of the records that wait."
    "his_agent_outbox_oldest_seconds" Gauge ""
        "等得最久的记录已经等了多少秒；没有等待的是 0"
        "How long the oldest record has waited; 0 when none waits."
    "his_agent_outbox_unread_keys_total" Counter ""
        "启动以来读不出主键的记忆的次数（磁盘损坏）：重送的可能当成新记录"
        "Look-ups of business keys whose memory the disk did not give back."
    "his_agent_dead_letters" Gauge ""
        "死信数"
        "Dead letters that wait for a person."
    "his_agent_dead_letters_by_cause" Gauge "code"
        "同上，按原因"
        "Dead letters by their cause."
    "his_agent_accepting" Gauge ""
        "正在接收是 1，磁盘空间不足而暂停是 0"
        "1 while messages are taken, 0 while the disk has too little room."
    "his_agent_disk_full" Gauge ""
        "盘满到写不进是 1"
        "1 while the disk takes no byte."
    "his_agent_disk_free_bytes" Gauge ""
        "发件箱所在磁盘的空闲字节"
        "Free bytes of the disk of the outbox."
    "his_agent_disk_low_water_bytes" Gauge ""
        "低水位：空闲比它少就暂停接收"
        "Below so many free bytes nothing new is taken."
    "his_agent_disk_high_water_bytes" Gauge ""
        "高水位：空闲到它才恢复接收"
        "From so many free bytes on messages are taken again."
    "his_agent_outage_seconds" Gauge "rate"
        "平台中断还能撑多少秒：`average` 按最近 24 小时的平均，`peak` 按其中最忙的一小时；还不知道是 NaN"
        "For how long an outage of the platform the disk will do, at the average and at the peak rate; NaN while unknown."
    // Forwarding.
    "his_agent_forward_connected" Gauge ""
        "1 连通，0 断开"
        "1 while records can leave."
    "his_agent_forward_state" Gauge "state"
        "现在的状态是 1，其余是 0"
        "1 for the state that forwarding is in, 0 for the others."
    "his_agent_forward_alerts" Gauge ""
        "持续超过 `alert_after_ms` 的故障数"
        "Faults that have lasted too long."
    "his_agent_forward_in_flight" Gauge ""
        "已发出、还没有答复的记录"
        "Records sent and not yet answered."
    "his_agent_forward_held" Gauge ""
        "被平台拒绝、留待重试的记录"
        "Records refused and waiting for their next try."
    "his_agent_forward_confirmed_total" Counter ""
        "得到确认的记录"
        "Records that the platform has confirmed."
    "his_agent_forward_nacked_total" Counter ""
        "平台答“不收”的次数，按记录计"
        "Answers not accepted, counted by records."
    "his_agent_forward_returned_total" Counter ""
        "没有队列接收而退回的次数，按记录计"
        "Returns as unroutable, counted by records."
    "his_agent_forward_rejected_total" Counter ""
        "平台因它关闭信道的次数，按记录计"
        "Records over which the platform closed the channel."
    "his_agent_forward_set_aside_total" Counter ""
        "因此转入死信的记录"
        "Records set aside since the platform can never take them."
    "his_agent_forward_reconnects_total" Counter ""
        "重连次数"
        "Connections made after the first."
    "his_agent_certificate_expiry_timestamp_seconds" Gauge "certificate"
        "证书到期的时刻（Unix 秒）：`forward` 是与平台连接的两张证书中先到期的，`tls` 是 HTTP 各个门的，`mllp:通道` 是 MLLP 门的；用 TLS 时才有"
        "When a certificate expires, in Unix time."
    "his_agent_reconcile_unbalanced_dates" Gauge ""
        "对过而不平、平台没有答、或平了以后又有新记录入账的天数"
        "Dates whose account does not balance, or has to be compared again."
    "his_agent_subscription_total" Counter "subscription outcome"
        "推送：`taken` 对方收下，`later` 等会再送，`refused` 对方拒收"
        "Records pushed to other systems."
    "his_agent_subscription_lost_total" Counter "subscription"
        "没有推送、也不会再送的记录"
        "Records that were never pushed to another system."
    "his_agent_subscription_behind" Gauge "subscription"
        "还没有推送到的记录编号数"
        "How far a subscriber is behind."
    "his_agent_alert_raised" Gauge "code severity"
        "现有的告警，值总是 1；`code` 见 [codes.md](codes.md)"
        "An alert that stands; always 1."
    "his_agent_alert_notices_total" Counter "target outcome"
        "告警通知：`sent` 送到，`failed` 没送到"
        "Notices of alerts by target."
    // The process.
    "his_agent_stage_moves" Gauge "stage"
        "看门狗：这一段在走是 1，卡住是 0"
        "1 while a stage of the road moves, 0 while it is stuck."
    "his_agent_build_info" Gauge "version arch"
        "程序的版本，值总是 1"
        "The version of the program; always 1."
    "process_cpu_seconds_total" Counter ""
        "用去的处理器时间，秒"
        "Total user and system CPU time spent in seconds."
    "process_resident_memory_bytes" Gauge ""
        "占用的物理内存，字节"
        "Resident memory size in bytes."
    "process_virtual_memory_bytes" Gauge ""
        "虚拟内存，字节"
        "Virtual memory size in bytes."
    "process_open_fds" Gauge ""
        "打开的文件描述符"
        "Number of open file descriptors."
    "process_max_fds" Gauge ""
        "文件描述符的上限"
        "Maximum number of open file descriptors."
    "process_threads" Gauge ""
        "线程数"
        "Number of OS threads in the process."
    "process_start_time_seconds" Gauge ""
        "启动的时刻（Unix 秒）"
        "Start time of the process since unix epoch in seconds."
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_holds_exactly_the_metrics_in_use() {
        let mut used = BTreeSet::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
        let told: BTreeSet<String> = METRICS.iter().map(|it| it.name.to_owned()).collect();
        let untold: Vec<_> = used.difference(&told).collect();
        let unused: Vec<_> = told.difference(&used).collect();
        assert!(untold.is_empty(), "counted, but not in telemetry/catalog.rs: {untold:?}");
        assert!(unused.is_empty(), "in telemetry/catalog.rs, but never counted: {unused:?}");
        assert_eq!(told.len(), METRICS.len(), "a metric stands there twice");
    }

    #[test]
    fn counters_end_in_total_and_nothing_else_does() {
        for it in METRICS {
            assert_eq!(it.name.ends_with("_total"), it.kind == Kind::Counter, "{}", it.name);
        }
    }

    /// Every quoted name of a metric, tests and this table left out.
    fn sources(folder: &Path, used: &mut BTreeSet<String>) {
        for path in fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
            let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            if path.is_dir() && name != "tests" {
                sources(&path, used);
            } else if path.extension().is_some_and(|it| it == "rs")
                && !["tests.rs", "catalog.rs"].contains(&name)
            {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("\nmod tests").next().unwrap_or_default();
                used.extend(code.split('"').filter(|it| is_metric(it)).map(str::to_owned));
            }
        }
    }

    fn is_metric(word: &str) -> bool {
        (word.starts_with("his_agent_") || word.starts_with("process_"))
            && word.chars().all(|it| it.is_ascii_lowercase() || it == '_')
    }
}
