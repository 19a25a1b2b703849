//! Suspicions as rows: which are wanted, and what a row says.

use std::ops::ControlFlow;

use serde::Deserialize;

use super::states::State;
use super::suspicion::Suspicion;
use super::table::{Cell, Table};
use super::{NotRun, book};
use crate::outbox::Outbox;

/// Which suspicions are wanted; what is absent narrows nothing.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Wanted {
    pub(super) department: Option<String>,
    pub(super) doctor: Option<String>,
    /// A patient's pseudonym.
    pub(super) person: Option<String>,
    pub(super) encounter: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) state: Option<String>,
    /// 1 就诊类 (behaviour), 2 项目类 (item).
    pub(super) behaviour: Option<String>,
    /// First found for this day or a later one, `YYYYMMDD`.
    pub(super) from: Option<String>,
    /// First found for this day or an earlier one.
    pub(super) to: Option<String>,
}

impl Wanted {
    fn fits(&self, it: &Suspicion) -> bool {
        let is = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| is == Some(wanted))
        };
        is(&self.department, it.department.as_deref())
            && is(&self.doctor, it.doctor.as_deref())
            && is(&self.person, Some(&it.patient))
            && is(&self.encounter, Some(&it.encounter))
            && is(&self.rule, Some(&it.rule_id))
            && is(&self.state, Some(it.state.name()))
            && is(&self.behaviour, Some(&it.behaviour))
            && self.from.as_ref().is_none_or(|from| *from <= it.first_day)
            && self.to.as_ref().is_none_or(|to| it.first_day <= *to)
    }

    /// What the wanted filter cannot mean.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let is_day = |text: &Option<String>| {
            let is_number = |it: &String| it.len() == 8 && it.bytes().all(|it| it.is_ascii_digit());
            text.as_ref().is_none_or(is_number)
        };
        if !is_day(&self.from) || !is_day(&self.to) {
            return Some("from 和 to 写成 YYYYMMDD");
        }
        let is_state = self.state.as_deref().is_none_or(|it| State::parse(it).is_some());
        (!is_state).then_some("state 是 open、explained、corrected、escalated、closed 之一")
    }
}

/// The wanted suspicions, by department and then as they were found.
pub(super) fn wanted(outbox: &Outbox, wanted: &Wanted) -> Result<Vec<Suspicion>, NotRun> {
    let mut found = Vec::new();
    book::suspicions(outbox, |it| {
        if wanted.fits(&it) {
            found.push(it);
        }
        ControlFlow::Continue(())
    })?;
    found.sort_by(|a, b| order(a).cmp(&order(b)));
    Ok(found)
}

fn order(it: &Suspicion) -> (Option<&str>, &str, &str, &str) {
    (it.department.as_deref(), &it.first_day, &it.encounter, &it.id)
}

/// A row each, for departments and for spreadsheets.
pub(super) fn table(all: &[Suspicion]) -> Table {
    let columns = [
        "编号",
        "状态",
        "科室",
        "医师",
        "就诊",
        "患者（假名）",
        "首次日期",
        "最近日期",
        "场景",
        "规则",
        "规则代码",
        "规则名称",
        "分类",
        "严重程度",
        "违规内容",
        "依据",
        "金额",
        "明细",
        "最近处置",
        "处置人",
        "原因",
    ];
    Table::new("审核疑点", &columns, all.iter().map(row).collect())
}

fn row(it: &Suspicion) -> Vec<Cell> {
    let said = it.said.last();
    let optional = |it: &Option<String>| it.clone().unwrap_or_default();
    let kind = if it.behaviour == "1" { "行为" } else { "项目" };
    let texts = [
        it.id.clone(),
        it.state.zh().to_owned(),
        optional(&it.department),
        optional(&it.doctor),
        it.encounter.clone(),
        it.patient.clone(),
        it.first_day.clone(),
        it.last_day.clone(),
        it.scene.clone(),
        it.rule_id.clone(),
        optional(&it.official_code),
        it.rule_name.clone(),
        kind.to_owned(),
        it.severity.clone(),
        it.text.clone(),
        it.basis.clone(),
    ];
    let mut row: Vec<Cell> = texts.into_iter().map(Cell::Text).collect();
    row.push(it.amount.clone().map_or_else(Cell::empty, |n| Cell::Number { n }));
    row.push(Cell::Text(it.lines.join(",")));
    row.push(Cell::Text(said.map(|it| it.at.clone()).unwrap_or_default()));
    row.push(Cell::Text(said.map(|it| it.by.clone()).unwrap_or_default()));
    row.push(Cell::Text(said.and_then(|it| it.reason.clone()).unwrap_or_default()));
    row
}
