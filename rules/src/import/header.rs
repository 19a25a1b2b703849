//! Which column of a published table is what.
//!
//! The header is the first row that names a code and something else; what stands above is a title. A
//! header is known by our own name, by the Chinese name of a family's column, or by the words that
//! bureaus have used. What is not recognised is shown as not read, never guessed.

use super::Wanted;
use super::cells::clean;
use crate::parameter::{Column, ColumnKind};

/// What a column is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The codes of drugs, items, slices.
    Key,
    /// The codes of diagnoses.
    Diagnosis,
    /// The item in words.
    Item,
    /// One of the family's columns.
    Parameter(&'static Column),
    /// An age range that fills two of them.
    AgeRange(&'static Column, &'static Column),
    /// Prose that must not contradict the columns.
    Text,
    /// Where the row was read.
    Source,
    /// In force from.
    From,
    /// In force to.
    To,
    /// Not read.
    Unread,
}

/// The header of a table.
pub(super) struct Plan {
    /// The row of the header, from 0.
    pub(super) at: usize,
    /// The headers as they stand.
    pub(super) headers: Vec<String>,
    pub(super) roles: Vec<Role>,
}

impl Plan {
    /// The columns of a role.
    pub(super) fn columns_of(&self, role: Role) -> impl Iterator<Item = usize> {
        let roles = self.roles.iter().enumerate();
        roles.filter(move |(_, it)| **it == role).map(|(at, _)| at)
    }
}

/// Finds the header, or says what is missing.
pub(super) fn plan(table: &[Vec<String>], wanted: &Wanted<'_>) -> Result<Plan, String> {
    let family = wanted.rule.family;
    let no_rows = || format!("规则族 {} 没有知识点行", family.id());
    let columns = family.rows().columns().ok_or_else(no_rows)?;
    by_hand_is_known(wanted, columns)?;
    for (at, row) in table.iter().enumerate().take(HEADER_WITHIN) {
        let headers: Vec<_> = row.iter().map(|cell| clean(cell)).collect();
        let roles = roles(&headers, wanted, columns);
        let read = roles.iter().filter(|role| **role != Role::Unread).count();
        let has_key = roles.iter().any(|role| matches!(role, Role::Key | Role::Diagnosis));
        if has_key && read >= 2 {
            let plan = Plan { at, headers, roles };
            return by_hand_is_there(&plan, wanted).map(|()| plan);
        }
    }
    Err(format!(
        "前{HEADER_WITHIN}行里没有认得出的表头：要有代码列（如 药品编码、项目编码）和另一列；用 --column key=表头 写明"
    ))
}

fn roles(headers: &[String], wanted: &Wanted<'_>, columns: &'static [Column]) -> Vec<Role> {
    let mut roles: Vec<Role> = Vec::new();
    for header in headers {
        let by_hand = wanted.columns.iter().find(|(_, theirs)| clean(theirs) == *header);
        let role = match by_hand {
            Some((ours, _)) => named(ours, columns).unwrap_or(Role::Unread),
            None => recognised(header, columns),
        };
        // The first column of a kind is it; prose may stand in several.
        let is_taken = role != Role::Text && roles.contains(&role);
        roles.push(if is_taken { Role::Unread } else { role });
    }
    roles
}

/// A column by our own name.
fn named(name: &str, columns: &'static [Column]) -> Option<Role> {
    match name {
        "key" | "code" => Some(Role::Key),
        "diagnosis" => Some(Role::Diagnosis),
        "item" => Some(Role::Item),
        "text" => Some(Role::Text),
        "source" => Some(Role::Source),
        "from" => Some(Role::From),
        "to" => Some(Role::To),
        "age" => age_range(columns),
        _ => columns.iter().find(|column| column.name == name).map(Role::Parameter),
    }
}

fn recognised(header: &str, columns: &'static [Column]) -> Role {
    let bare = bare(header);
    if let Some(column) = columns.iter().find(|it| it.name == bare || it.zh == bare) {
        return Role::Parameter(column);
    }
    let ours = of_words(&bare, &PARAMETERS).unwrap_or_default();
    if let Some(column) = columns.iter().find(|it| ours.contains(&it.name)) {
        return Role::Parameter(column);
    }
    if let Some(role) = age_range(columns).filter(|_| AGES.contains(&bare.as_str())) {
        return role;
    }
    of_words(&bare, &ROLES).and_then(|ours| named(ours.first()?, columns)).unwrap_or(Role::Unread)
}

/// A header without what stands in brackets behind it.
fn bare(header: &str) -> String {
    let cut = header.split(['(', '（']).next().unwrap_or(header);
    cut.chars().filter(|it| !it.is_whitespace() && *it != '*').collect()
}

fn age_range(columns: &'static [Column]) -> Option<Role> {
    let age = |name| columns.iter().find(|it| it.name == name && it.kind == ColumnKind::Age);
    Some(Role::AgeRange(age("age_from")?, age("age_below")?))
}

type Words = (&'static [&'static str], &'static [&'static str]);

fn of_words<'a>(header: &str, table: &'a [Words]) -> Option<&'a [&'static str]> {
    table.iter().find(|(words, _)| words.contains(&header)).map(|(_, ours)| *ours)
}

fn by_hand_is_known(wanted: &Wanted<'_>, columns: &'static [Column]) -> Result<(), String> {
    match wanted.columns.iter().find(|(ours, _)| named(ours, columns).is_none()) {
        None => Ok(()),
        Some((ours, _)) => {
            let own: Vec<_> = columns.iter().map(|it| it.name).collect();
            Err(format!(
                "没有叫 `{ours}` 的列；有 key, diagnosis, item, text, source, from, to, age, {}",
                own.join(", ")
            ))
        }
    }
}

fn by_hand_is_there(plan: &Plan, wanted: &Wanted<'_>) -> Result<(), String> {
    let mut missing =
        wanted.columns.iter().filter(|(_, theirs)| !plan.headers.contains(&clean(theirs)));
    match missing.next() {
        None => Ok(()),
        Some((_, theirs)) => Err(format!("表头里没有 `{theirs}`；有 {}", plan.headers.join("、"))),
    }
}

/// Titles and notes above a header are not longer than this.
const HEADER_WITHIN: usize = 10;

const AGES: [&str; 5] = ["限定年龄", "年龄", "年龄范围", "限定年龄范围", "适用年龄"];

/// Headers that bureaus have used, by what they are.
const ROLES: [Words; 7] = [
    (
        &[
            "药品编码",
            "药品代码",
            "项目编码",
            "项目代码",
            "医保编码",
            "医保代码",
            "医保药品编码",
            "医保药品代码",
            "国家医保编码",
            "国家编码",
            "医疗服务项目编码",
            "医疗服务项目代码",
            "医保项目编码",
            "饮片编码",
            "耗材编码",
            "编码",
            "代码",
            "项目A编码",
            "A编码",
            "key",
        ],
        &["key"],
    ),
    (
        &["疾病编码", "疾病代码", "诊断编码", "诊断代码", "疾病诊断编码", "ICD-10", "ICD10"],
        &["diagnosis"],
    ),
    (
        &[
            "药品名称",
            "注册名称",
            "通用名",
            "通用名称",
            "项目名称",
            "医疗服务项目名称",
            "饮片名称",
            "耗材名称",
            "疾病名称",
            "诊断名称",
            "名称",
            "项目A名称",
            "A名称",
            "item",
        ],
        &["item"],
    ),
    (
        &[
            "限定内容",
            "知识点内容",
            "知识点",
            "知识点描述",
            "规则内容",
            "限定支付范围",
            "支付范围",
            "说明",
            "备注",
            "检出逻辑",
            "描述",
        ],
        &["text"],
    ),
    (&["来源", "依据", "政策依据", "规则依据", "知识点来源", "source"], &["source"]),
    (&["生效日期", "开始日期", "执行日期", "启用日期", "from"], &["from"]),
    (&["失效日期", "截止日期", "终止日期", "停用日期", "to"], &["to"]),
];

/// Headers that bureaus have used for a family's column, and the names that families have for it.
const PARAMETERS: [Words; 12] = [
    (&["限定性别", "性别", "适用性别"], &["sex"]),
    (
        &[
            "限定支付天数",
            "最大支付天数",
            "支付天数上限",
            "支付天数",
            "限定天数",
            "最大天数",
            "限定支付疗程",
            "支付疗程",
        ],
        &["max_days", "days_max"],
    ),
    (
        &["限定医疗机构级别", "医疗机构级别", "机构级别", "限定级别"],
        &["min_level", "level_min", "level"],
    ),
    (&["限定就医方式", "就医方式"], &["visits", "allowed", "visit"]),
    (&["限定险种", "险种", "限定保险"], &["kind", "kinds", "payers"]),
    (&["限定数量", "上限数量", "限定频次", "最大数量", "限定次数"], &["cap", "max", "max_count"]),
    (&["时间范围", "时间区间", "限定周期", "周期"], &["window", "days"]),
    (
        &["项目B编码", "B编码", "重复项目编码", "互斥项目编码"],
        &["other", "with", "partner", "includes"],
    ),
    (&["限定疾病编码", "限定诊断编码", "适应症编码"], &["diagnoses", "icd"]),
    (&["一线药品", "一线药品编码"], &["first_line"]),
    (&["限定科室", "科室"], &["departments"]),
    (&["限定内容", "限定支付范围", "限定说明", "限定描述"], &["limit", "text"]),
];
