//! `[[record]]`: entities, what they iterate over, and an expression for each element.

use schemas::Entity;
use toml::Spanned;

use super::Compiler;
use crate::compiled::{Compiled, From};
use crate::datum::Kind;
use crate::fit;
use crate::mapping::{ElementPlan, RecordPlan};
use crate::nearest::suggestion;
use crate::raw::RawRecord;

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
        let elements = self.elements(entity, raw);
        self.required(entity, raw);
        let key = self.key(entity, raw);
        Some(RecordPlan {
            entity: entity.name().to_owned(),
            each: raw.each.as_ref().and_then(|it| self.each(it)),
            filter: raw.filter.as_ref().and_then(|it| self.condition(it)).map(|(it, _)| it),
            distinct: raw.distinct.as_ref().and_then(|it| self.expression(it)),
            lane: raw.lane.as_ref().and_then(|it| self.expression(it)),
            key,
            elements,
        })
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
                self.sheet.error(complaint.code, text.span().start, complaint.message);
            }
            plans.push(ElementPlan { position, expression });
        }
        plans
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
