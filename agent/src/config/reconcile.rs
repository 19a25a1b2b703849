//! `[reconcile]`: when each day is compared with the platform by itself.

use super::ReconcileConfig;
use super::section::{Complaints, Section};

pub(super) fn reconcile(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> ReconcileConfig {
    let mut section = root.section("reconcile", to);
    let daily_at = section.text("daily_at", to).and_then(|text| {
        let read = jiff::civil::Time::strptime("%H:%M", &text);
        if read.is_err() {
            let message = "`daily_at` must be a time of day such as \"06:30\"".to_owned();
            to.error("A004", section.offset_of("daily_at"), message);
        }
        read.ok()
    });
    section.finish(to);
    ReconcileConfig { daily_at }
}
