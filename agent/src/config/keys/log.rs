//! Logs.

keys! {
    ["log" ""]
    level Default "\"info\""
        "日志级别：error、warn、info、debug，或按模块写 warn,agent=debug；环境变量 HIS_AGENT_LOG 优先。"
        "Log level: error, warn, info, debug, or by module: warn,agent=debug; the variable HIS_AGENT_LOG wins."
    format Default "\"text\""
        "日志写成 text（给人看）还是 json（给采集程序）。"
        "Log lines as text for people or json for collectors."
}
