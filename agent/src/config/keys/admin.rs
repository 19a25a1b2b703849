//! Who has which role at the control socket.

keys! {
    ["admin" ""]
    viewer Default "[]"
        "只读：看现状，看不到患者的内容。写用户名、uid，或 @组名、@gid；root 和运行前置机的用户总是管理员。"
        "Who may look at how the agent stands, nothing of patients: users by name or number, or @group. Root and the daemon's user are admins always."
    operator Default "[]"
        "运维：另加看报文，重发、丢弃、对照放行、对账、重新读入、告警静默。"
        "Who keeps it running: messages, replay, code maps, reconciliation, reload, silences."
    pharmacist Default "[]"
        "药师：另加看审查，写规则、集合、计划，试运行和回放。"
        "Who writes rules, sets and plans, and tries them."
    auditor Default "[]"
        "审计：另加看审查和疑点，审核、答复疑点，看谁读过记录、谁有令牌。"
        "Who audits: checks, suspicions, who has read what, who has tokens."
    admin Default "[]"
        "管理员：全部，包括配置、密钥、令牌、备份、忘记患者。"
        "Who may do everything: configuration, keys, tokens, backups, forgetting."
}
