//! The account with the platform.

keys! {
    ["reconcile" ""]
    daily_at Nothing "\"06:30\""
        "每天几点自动与平台对前一天的账（东八区），只对不补，不平就告警；不写就不自动对，因为平台要先会答。"
        "When the day before is compared with the platform each day (China time); differences raise an alert and are not repaired. Off without it: the platform has to answer."
}
