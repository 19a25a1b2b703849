//! The versions of the configuration and of the sets.

keys! {
    ["versions" ""]
    dir Nothing "\"/var/lib/his-agent/versions\""
        "用过的配置和配套文件的历史放在哪里（只有运行用户可读）；不写就放在发件箱目录旁边，名为 versions。"
        "Folder of the configurations and sets that were in force, for the daemon's user alone; versions beside the outbox when left out."
    keep Default "100"
        "配置、配套文件各留最近多少个版本。"
        "How many versions of each kind are kept."
    health_ms Default "60000"
        "his-agent config apply 换上新配置后看护多少毫秒，变坏就自动换回；0 表示不看护。"
        "How long a configuration put in force by his-agent config apply is watched, and taken back when health falls; 0 does not watch."
}
