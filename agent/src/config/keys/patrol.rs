//! The patrol.

keys! {
    ["patrol" ""]
    daily_at Default "\"05:30\""
        "每天几点自动体检（巡检，东八区）；有故障就告警（H003），结果看 his-agent doctor history。"
        "When the agent examines itself and its machine each day (China time); what fails raises an alert (H003), see his-agent doctor history."
    keep_days Default "400"
        "巡检结果保留多少天，放在发件箱目录旁的 patrol；0 表示不巡检。"
        "Days that reports are kept, in `patrol` beside the outbox; 0 for no patrol."
}
