//! `[[record]]`: entities, what they iterate over, and an expression for each element.

use schemas::{Entity, ProblemSeverity};
use toml::Spanned;

use super::Compiler;
use crate::compiled::{Compiled, From};
use crate::datum::Kind;
use crate::differ::Differ;
use crate::fit;
use crate::mapping::{ElementPlan, RecordPlan};
use crate::nearby::Fields;
use crate::raw::RawRecord;
use crate::suggestion;

impl Compiler<'_> {
    pub(super) fn record(
        &mut self,
        raw: &Spanned<RawRecord>,
        has_lane: bool,
    ) -> Option<RecordPlan> {
        let start = raw.span().start;
        let raw = raw.get_ref();
        let catalog = self.catalog;
        let Some(entity) = catalog.entity(raw.entity.get_ref()) else {
            let hint = suggestion(raw.entity.get_ref(), catalog.entities().map(Entity::name));
            let message = format!("there is no entity `{}`{hint}", raw.entity.get_ref());
            self.sheet.error("M030", raw.entity.span().start, message);
            return None;
        };
        if raw.lane.is_none() && !has_lane {
            let message =
                "say which encounter the record belongs to: `lane = '...'` here or in [mapping]";
            self.sheet.error("M031", start, message.to_owned());
        }
        self.has_each = raw.each.is_some();
        let each = raw.each.as_ref().and_then(|it| self.each(it));
        self.fields = Some(Fields::default());
        let slots = self.slots(raw);
        let elements = self.elements(entity, raw);
        self.required(entity, raw);
        let key = self.key(entity, raw);
        let filter = raw.filter.as_ref().and_then(|it| self.condition(it)).map(|(it, _)| it);
        let distinct = raw.distinct.as_ref().and_then(|it| self.expression(it));
        let lane = raw.lane.as_ref().and_then(|it| self.expression(it));
        self.slot_kinds.clear();
        let plan = RecordPlan {
            entity: entity.name().to_owned(),
            each,
            filter,
            distinct,
            differ: self.differ(raw),
            slots,
            lane,
            key,
            elements,
            fields: self.fields.take().unwrap_or_default(),
        };
        self.sense(entity, raw, &plan);
        self.advise(entity, raw);
        Some(plan)
    }

    fn differ(&mut self, raw: &RawRecord) -> Differ {
        let Some(word) = &raw.differ else { return Differ::default() };
        let at = word.span().start;
        if raw.distinct.is_none() {
            let message = "`differ` says what becomes of rows that `distinct` takes for one and that do not agree; there is no `distinct` here";
            self.sheet.error("M034", at, message.to_owned());
        }
        let found = Differ::ALL.iter().find(|(it, _)| it == word.get_ref());
        if found.is_none() {
            let hint = suggestion(word.get_ref(), Differ::ALL.iter().map(|(it, _)| *it));
            let message =
                format!("`differ` is refuse, warn or ignore, not `{}`{hint}", word.get_ref());
            self.sheet.error("M034", at, message);
        }
        found.map_or(Differ::default(), |(_, it)| *it)
    }

    pub(super) fn each(&mut self, raw: &Spanned<String>) -> Option<Compiled> {
        let expression = self.expression(raw)?;
        let from_path = matches!(expression.source, From::Relative(_) | From::Absolute(..));
        if from_path && (expression.steps.is_empty() || expression.kind == Kind::List) {
            return Some(expression);
        }
        let message =
            "`each` is a path, or a path whose steps end in a list (`| split(\"#\")`)".to_owned();
        self.sheet.error("M032", raw.span().start, message);
        None
    }

    pub(super) fn elements(&mut self, entity: &Entity, raw: &RawRecord) -> Vec<ElementPlan> {
        let mut plans = Vec::new();
        for (name, text) in &raw.elements {
            let Some(position) = entity.position(name.get_ref()) else {
                let names = entity.elements().iter().map(schemas::DataElement::name);
                let hint = suggestion(name.get_ref(), names);
                let message =
                    format!("`{}` has no element `{}`{hint}", entity.name(), name.get_ref());
                self.sheet.error("M040", name.span().start, message);
                continue;
            };
            let Some(expression) = self.expression(text) else { continue };
            let Some(element) = entity.elements().get(position) else { continue };
            for complaint in fit::complaints(element, &expression) {
                self.tell(text.span().start, complaint);
            }
            let written = text.get_ref().clone();
            plans.push(ElementPlan { position, expression, written });
        }
        plans.sort_by_key(|it| it.position);
        plans
    }

    fn tell(&mut self, at: usize, complaint: fit::Complaint) {
        match complaint.severity {
            ProblemSeverity::Error => self.sheet.error(complaint.code, at, complaint.message),
            ProblemSeverity::Warning => self.sheet.warning(complaint.code, at, complaint.message),
        }
    }

    pub(super) fn required(&mut self, entity: &Entity, raw: &RawRecord) {
        let mapped: Vec<&str> = raw.elements.keys().map(|it| it.get_ref().as_str()).collect();
        let missing: Vec<&str> = entity
            .elements()
            .iter()
            .filter(|it| it.required() == schemas::Required::Yes && !mapped.contains(&it.name()))
            .map(schemas::DataElement::name)
            .collect();
        if !missing.is_empty() {
            let message = format!("`{}` requires {}", entity.name(), missing.join(", "));
            self.sheet.error("M041", raw.entity.span().start, message);
        }
    }

    /// The expressions of the business key: the mapping's own, or empty for the entity's.
    pub(super) fn key(&mut self, entity: &Entity, raw: &RawRecord) -> Vec<Compiled> {
        if let Some(key) = &raw.key {
            return key.iter().filter_map(|it| self.expression(it)).collect();
        }
        let mapped = |name: &String| raw.elements.keys().any(|it| it.get_ref() == name);
        let missing: Vec<_> = entity.key().iter().filter(|it| !mapped(it)).cloned().collect();
        if !missing.is_empty() {
            let message = format!(
                "the key of `{}` needs {}; map it, or give `key = ['...']` of your own",
                entity.name(),
                missing.join(", ")
            );
            self.sheet.error("M042", raw.entity.span().start, message);
        }
        Vec::new()
    }
}
