//! The dictionary as Markdown, for the manual and for people who compare it with their own.

use std::fmt::{self, Write as _};

use crate::catalog::Catalog;
use crate::domain::ValueDomain;
use crate::entity::{DataElement, Entity};

/// The dictionary as one Markdown page: entities, then value domains, then sources.
#[must_use]
pub fn markdown(catalog: &Catalog) -> String {
    let mut page = String::new();
    write_page(catalog, &mut page).expect("a String takes any text");
    page
}

fn write_page(catalog: &Catalog, page: &mut String) -> fmt::Result {
    let (version, profile) = (catalog.version(), catalog.profile());
    writeln!(
        page,
        "# {}\n\n版本 {version}，地区版本 {profile}\n\n## 数据元实体\n",
        catalog.name()
    )?;
    writeln!(page, "| 实体 | 中文名 | 数据元个数 |\n|---|---|---|")?;
    for entity in catalog.entities() {
        let (name, count) = (entity.name(), entity.elements().len());
        writeln!(page, "| [{name}](#{name}) | {} | {count} |", cell(entity.zh_name()))?;
    }
    for entity in catalog.entities() {
        write_entity(entity, page)?;
    }
    writeln!(page, "\n## 值域")?;
    for domain in catalog.domains() {
        write_domain(domain, page)?;
    }
    writeln!(page, "\n## 来源\n\n| 标记 | 说明 |\n|---|---|")?;
    for source in catalog.sources() {
        writeln!(page, "| {} | {} |", cell(source.mark()), cell(source.what()))?;
    }
    Ok(())
}

fn write_entity(entity: &Entity, page: &mut String) -> fmt::Result {
    let (name, zh_name, key) = (entity.name(), entity.zh_name(), entity.key().join(" + "));
    writeln!(page, "\n### {name}\n\n{zh_name}。业务主键：{key}。\n")?;
    writeln!(page, "| 数据元 | 中文名 | 格式 | 必填 | 值域 | 已证实 | 说明 |")?;
    writeln!(page, "|---|---|---|---|---|---|---|")?;
    for element in entity.elements() {
        write_element(element, page)?;
    }
    Ok(())
}

fn write_element(element: &DataElement, page: &mut String) -> fmt::Result {
    let (name, format, required) = (element.name(), element.format(), element.required());
    let zh_name = cell(element.zh_name());
    let domain = cell(element.domain().or(element.child().map(Entity::name)).unwrap_or_default());
    let open = element.value_domain().is_some_and(|domain| !domain.closed());
    let domain = if open { format!("{domain}（未公布）") } else { domain };
    let confirmed = if element.confirmed() { "是" } else { "否" };
    let notes = cell(element.notes());
    writeln!(
        page,
        "| {name} | {zh_name} | {format} | {required} | {domain} | {confirmed} | {notes} |"
    )
}

fn write_domain(domain: &ValueDomain, page: &mut String) -> fmt::Result {
    writeln!(page, "\n### {}\n\n| 代码 | 中文名 |\n|---|---|", domain.name())?;
    for (code, zh_name) in domain.codes() {
        writeln!(page, "| {} | {} |", cell(code.as_str()), cell(zh_name))?;
    }
    Ok(())
}

/// A text that cannot break its table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\r', '\n'], " ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_element_and_code_has_its_row() {
        let page = markdown(&Catalog::shipped("national").unwrap());
        check(&page, "# 医保监管数据字典");
        check(&page, "### outpatient_prescription\n\n门诊处方明细。业务主键：rxno + rx_detl_id。");
        check(&page, "| rxno | 处方号 | C..30 | N |  | 是 | HN 4301.rxinfo; also SZ= |");
        check(&page, "| main_medc_flag | 主要用药标志 | C..30 | N | 0\\|1 | 是 |");
        check(&page, "### gend\n\n| 代码 | 中文名 |\n|---|---|\n| 0 | 未知 |");
        let rows = page.lines().filter(|line| line.starts_with("| ")).count();
        let headers = 1 + 63 + 238 + 1;
        let sources = 11;
        assert_eq!(rows, headers + 63 + 1386 + 2584 + sources);
    }

    #[track_caller]
    fn check(page: &str, part: &str) {
        assert!(page.contains(part), "{part}");
    }
}
