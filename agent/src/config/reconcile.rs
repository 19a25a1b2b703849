//! `[reconcile]`: when each day is compared with the platform by itself.

use super::ReconcileConfig;
use super::section::{Complaints, Section};
use super::totals::daily_at;

pub(super) fn reconcile(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> ReconcileConfig {
    let mut section = root.section("reconcile", to);
    let daily_at = daily_at(&mut section, to);
    section.finish(to);
    ReconcileConfig { daily_at }
}
