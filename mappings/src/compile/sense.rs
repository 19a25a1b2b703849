//! What loads and can still not be meant: conditions that never hold, paths that leave the document
//! at its top, keys and encounters that are the same for every record.

use schemas::{DataElement, Entity, Required};
use toml::Spanned;

use super::Compiler;
use crate::compiled::{Compiled, From};
use crate::condition::CompiledCondition;
use crate::datum::Kind;
use crate::fit::{climb, never};
use crate::mapping::RecordPlan;
use crate::raw::RawRecord;

impl Compiler<'_> {
    /// Looks at a whole record once all of its expressions are compiled.
    pub(super) fn sense(&mut self, entity: &Entity, raw: &RawRecord, plan: &RecordPlan) {
        if let (Some(text), Some(condition)) = (&raw.filter, &plan.filter) {
            self.never(text, condition);
        }
        // Of an `each` that could not be compiled nothing is known.
        let is_known = raw.each.is_some() == plan.each.is_some();
        let depth = if is_known { depth_of_items(plan) } else { None };
        if let (Some(text), Some(each)) = (&raw.each, &plan.each)
            && climb::is_too_high(each, Some(0))
        {
            self.too_high(text);
        }
        self.climbs(entity, raw, plan, depth);
        self.key_sense(raw, plan);
        if let (Some(text), Some(lane)) = (&raw.lane, &plan.lane) {
            self.lane_sense(text, lane, is_of_encounter(entity));
        }
        if let (Some(text), Some(distinct)) = (&raw.distinct, &plan.distinct) {
            self.one_value(text, distinct, "`distinct`", "M049");
            if distinct.is_constant() {
                let message = "`distinct` is the same for every item: only the first would be kept";
                self.sheet.error("M049", text.span().start, message.to_owned());
            }
        }
    }

    /// A `when` or `where` that no message can fulfil.
    pub(super) fn never(&mut self, text: &Spanned<String>, condition: &CompiledCondition) {
        if let Some(why) = never::why_never(condition) {
            self.sheet.error("M049", text.span().start, format!("this never holds: {why}"));
        }
    }

    /// A lane is one encounter's: something of the message must tell which.
    pub(super) fn lane_sense(&mut self, text: &Spanned<String>, lane: &Compiled, matters: bool) {
        self.one_value(text, lane, "`lane`", "M031");
        self.resent(text, lane, "`lane`");
        if matters && lane.is_constant() {
            let message = "`lane` is a constant: all records would belong to one encounter";
            self.sheet.error("M031", text.span().start, message.to_owned());
        }
    }

    fn resent(&mut self, text: &Spanned<String>, it: &Compiled, what: &str) {
        if it.changes_with_sending() {
            let message = format!(
                "{what} is another one in every sending, so that a resend is \
                                   never known as one"
            );
            self.sheet.warning("M048", text.span().start, message);
        }
    }

    /// Whether any record that takes its lane from the whole mapping belongs to an encounter.
    pub(super) fn has_encounters(&self, records: &[Spanned<RawRecord>]) -> bool {
        let names = records.iter().map(Spanned::get_ref).filter(|it| it.lane.is_none());
        let mut entities = names.filter_map(|it| self.catalog.entity(it.entity.get_ref()));
        entities.any(is_of_encounter)
    }

    /// The lane of the whole mapping starts from the items of every record that has none of its own.
    pub(super) fn lane_climbs(
        &mut self,
        text: &Spanned<String>,
        lane: &Compiled,
        records: &[RecordPlan],
    ) {
        let mut starts = records.iter().filter(|it| it.lane.is_none()).map(depth_of_items);
        if starts.any(|start| climb::is_too_high(lane, start)) {
            self.too_high(text);
        }
    }

    fn one_value(&mut self, text: &Spanned<String>, it: &Compiled, what: &str, code: &'static str) {
        if it.kind == Kind::List {
            let message = format!("{what} needs one value, not a list; take one with `| item(1)`");
            self.sheet.error(code, text.span().start, message);
        }
    }

    fn climbs(
        &mut self,
        entity: &Entity,
        raw: &RawRecord,
        plan: &RecordPlan,
        depth: Option<usize>,
    ) {
        for (name, text) in &raw.elements {
            let position = entity.position(name.get_ref());
            let element = plan.elements.iter().find(|it| Some(it.position) == position);
            if element.is_some_and(|it| climb::is_too_high(&it.expression, depth)) {
                self.too_high(text);
            }
        }
        let others = [(&raw.lane, &plan.lane), (&raw.distinct, &plan.distinct)];
        for (text, expression) in others {
            if let (Some(text), Some(expression)) = (text, expression)
                && climb::is_too_high(expression, depth)
            {
                self.too_high(text);
            }
        }
        for (text, part) in raw.key.iter().flatten().zip(&plan.key) {
            if climb::is_too_high(part, depth) {
                self.too_high(text);
            }
        }
    }

    fn too_high(&mut self, text: &Spanned<String>) {
        let message = "this path climbs above the document: there are more `..` than levels";
        self.sheet.error("M049", text.span().start, message.to_owned());
    }

    fn key_sense(&mut self, raw: &RawRecord, plan: &RecordPlan) {
        let Some(key) = &raw.key else { return };
        let Some(first) = key.first() else {
            let message = "`key` is empty; leave it out to use the entity's own".to_owned();
            self.sheet.error("M042", raw.entity.span().start, message);
            return;
        };
        for (text, part) in key.iter().zip(&plan.key) {
            self.one_value(text, part, "a part of `key`", "M042");
            self.resent(text, part, "`key`");
        }
        let complete = plan.key.len() == key.len();
        let chosen = raw.filter.is_some() || raw.distinct.is_some();
        if complete && plan.key.iter().all(Compiled::is_constant) {
            let message = "`key` is a constant: every record would replace the one before it";
            self.sheet.error("M042", first.span().start, message.to_owned());
        } else if complete
            && raw.each.is_some()
            && !chosen
            && !plan.key.iter().any(Compiled::depends_on_item)
        {
            let message = "nothing in `key` differs between the items of `each`: where there are \
                           several, each replaces the one before it";
            self.sheet.warning("M048", first.span().start, message.to_owned());
        }
    }

    /// Optional elements that the mapping leaves out: nothing is wrong, somebody may look.
    pub(super) fn advise(&mut self, entity: &Entity, raw: &RawRecord) {
        let mapped = |it: &DataElement| raw.elements.keys().any(|name| name.get_ref() == it.name());
        let unmapped: Vec<&str> = entity
            .elements()
            .iter()
            .filter(|it| it.required() != Required::Yes && !mapped(it))
            .map(DataElement::name)
            .collect();
        if !unmapped.is_empty() {
            let message = format!("`{}` may also have {}", entity.name(), unmapped.join(", "));
            self.sheet.advice("M046", raw.entity.span().start, message);
        }
    }
}

/// Lists of departments and drugs belong to nobody's visit; what names a visit does.
fn is_of_encounter(entity: &Entity) -> bool {
    ["mdtrt_sn", "mdtrt_id"].iter().any(|it| entity.position(it).is_some())
}

/// How deep the items of `each` lie, as far as that is known; the whole message lies at the top.
fn depth_of_items(plan: &RecordPlan) -> Option<usize> {
    match plan.each.as_ref().map(|it| &it.source) {
        None => Some(0),
        Some(From::Relative(path) | From::Absolute(_, path)) => {
            climb::depth(path, Some(0)).ok().flatten()
        }
        Some(_) => None,
    }
}
