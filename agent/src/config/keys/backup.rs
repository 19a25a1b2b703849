//! Backups.

keys! {
    ["backup" ""]
    at Nothing "\"02:00\""
        "每天几点备份（东八区），错过的启动后补；不写就不自动备份。"
        "When a backup is made each day (China time); one that was missed is made after the next start. Never without it."
    to Nothing "\"/mnt/backup/his-agent\""
        "备份放在哪个目录，要在另一块盘或另一台机器上；不写就放在发件箱目录旁边，名为 backups。"
        "Folder of backups, on another disk or machine; backups beside the outbox when left out."
    keep Default "7"
        "自动做的留最近多少份，多出的从最早的删起；用命令做的不算在内，也不会自动删。"
        "How many of those made by themselves are kept; the oldest go. Those made by command are not counted and stay."
    key Nothing "\"file:/etc/his-agent/secrets/backup.key\""
        "备份专用的密钥（his-agent keys make 生成），写 file:路径、env:变量名 或 credential:凭据名；不写就用发件箱的主密钥。恢复时要有它，另外保管。"
        "A key for backups alone, made by his-agent keys make: file:PATH, env:NAME or credential:NAME; the store's master key when left out. A restore needs it: keep a copy elsewhere."
}
