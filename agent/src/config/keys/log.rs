//! Logs.

keys! {
    ["log" ""]
    level Default "\"info\""
        "日志级别：error、warn、info、debug，或按模块写 warn,agent=debug；环境变量 HIS_AGENT_LOG 优先。"
        "Log level: error, warn, info, debug, or by module: warn,agent=debug; the variable HIS_AGENT_LOG wins."
    format Default "\"text\""
        "日志写成 text（给人看）还是 json（给采集程序）。"
        "Log lines as text for people or json for collectors."
    file Nothing "\"/var/log/his-agent/agent.log\""
        "日志写进哪个文件，到大小或过了零点另起一个，旧的改名为 agent-20261122-101530.log；不写就写到标准错误，由 systemd 收进 journal。"
        "The file that logs go to; at a size or at midnight it is renamed agent-20261122-101530.log and a new one begun. Without it logs go to standard error, and so to the journal."
    file_bytes_max Default "52428800"
        "一个日志文件写到多少字节就另起一个。"
        "Bytes after which another file is begun."
    keep_days Default "180"
        "旧的日志文件保留多少天。"
        "Days that older files stay."
    keep_bytes_max Default "2147483648"
        "旧的日志文件一共最多多少字节，超过时最早的先删。"
        "Bytes of older files together; beyond it the oldest go."
}
