//! All mappings in force: loaded as one, proved as one, and asked in order which one applies.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use adapters::{DecodeError, Document, Keys, Limits, NodeId};
use schemas::{Catalog, Files, Finding, FindingSeverity, Problem};

use crate::answer::{self, Answers};
use crate::catalogs::Catalogs;
use crate::compile;
use crate::compiled::Compiled;
use crate::dispatch::{self, Dispatch, Run};
use crate::expression::Path;
use crate::mapping::{MappedRecord, Mapping};
use crate::opener::Opener;
use crate::scene::{Context, Found, Item, Reading, Scene};
use crate::seal::BadKey;
use crate::walk;

/// The mappings of one folder tree, each proved against its profile's dictionary.
#[derive(Debug)]
pub struct MappingSet {
    // In the order of their file names, which is the order they are asked in.
    mappings: Vec<(String, Mapping)>,
    dispatch: Dispatch,
    /// The answers of each folder that has some, by the path of their file.
    answers: BTreeMap<String, Arc<Answers>>,
    /// Whether any mapping demands a signature.
    has_verifies: bool,
    /// One for all, where the channel says so.
    answer: Option<Arc<Answers>>,
}

/// What a message became.
#[derive(Debug)]
pub struct Mapped<'s> {
    /// The mapping that applied.
    pub mapping: &'s str,
    /// Its version, as its file states it.
    pub version: &'s str,
    /// The dictionary to validate the records with.
    pub catalog: &'s Catalog,
    /// In which words to answer, where the mapping's folder says so.
    pub answers: Option<&'s Arc<Answers>>,
    /// Which signatures were found right and how fields were opened, when somebody asked to be told.
    pub prepared: Vec<String>,
    /// At least one; in the order of the file and of the document.
    pub records: Vec<MappedRecord<'s>>,
}

impl Mapped<'_> {
    /// Everything there is to say of one record: what could not be restated, and what of the rest is
    /// not valid, each with its place in the source.
    pub fn findings(&self, record: &MappedRecord<'_>, document: &Document) -> Vec<Finding> {
        let mut findings = record.findings.clone();
        for mut finding in self.catalog.validate(record.entity, &record.elements) {
            // What could not be restated, or waits to be mapped, is missing as a consequence;
            // telling both helps nobody.
            let told = |it: &Finding| {
                it.element == finding.element && it.severity == FindingSeverity::Reject
            };
            let waits = record.unknown.iter().any(|it| it.element == finding.element);
            if waits || findings.iter().any(told) {
                continue;
            }
            let position = record.entity.position(&finding.element);
            let source = record.sources.iter().find(|(it, _)| Some(*it) == position);
            finding.path = source.map(|(_, node)| document.path(*node)).unwrap_or_default();
            findings.push(finding);
        }
        findings
    }
}

/// Why a message could not be mapped at all. What is wrong with single values are findings.
#[derive(Debug)]
pub enum MapError {
    /// No mapping's `when` holds. Carries the names that were asked.
    NoneApplies(Vec<String>),
    /// A field that should hold a document does not.
    Open {
        /// Path of the field.
        path: String,
        /// What is wrong with the nested document.
        error: DecodeError,
    },
    /// The mapping applies, but what it iterates over is not there.
    NoRecords(String),
    /// The mapping's paths look at too much of this message.
    TooMuch(String),
    /// A signature is not there, or not that of the message.
    Unverified {
        /// Path of the signature; empty when there is none.
        path: String,
        /// Whether there is none.
        is_missing: bool,
    },
    /// A field is encrypted, and the set was never given keys. Carries its path.
    NoKey(String),
}

impl MapError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            MapError::NoneApplies(_) => "M101",
            MapError::Open { .. } => "M102",
            MapError::NoRecords(_) => "M103",
            MapError::TooMuch(_) => "M104",
            MapError::Unverified { is_missing: true, .. } => "M105",
            MapError::Unverified { .. } => "M106",
            MapError::NoKey(_) => "M107",
        }
    }

    /// What to do about it, for the HIS developer.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            MapError::NoneApplies(asked) => format!(
                "没有映射适用于这份报文。已试过：{}。请核对消息类型字段，或为它新增一个映射文件",
                asked.join("、")
            ),
            MapError::Open { path, error } => {
                format!("字段 {path} 里应是一份完整的内层报文：{}", error.message())
            }
            MapError::TooMuch(mapping) => format!(
                "映射 {mapping} 处理这份报文要查看的节点太多，已停止；请把两个大表的逐行比对改成按键直接取，或把报文分开送"
            ),
            MapError::Unverified { is_missing: true, .. } => {
                "报文没有签名，或签名是空的；请按接口约定送签名".to_owned()
            }
            MapError::Unverified { path, .. } => format!(
                "签名 {path} 与报文不符；请核对签名的方法、密钥、参与签名的字段和次序、字符集，以及报文在传输中是否被改动"
            ),
            MapError::NoKey(path) => {
                format!("字段 {path} 是加密的，前置机没有它的密钥；请在该通道的 keys 里补上")
            }
            MapError::NoRecords(mapping) => {
                format!("映射 {mapping} 适用，但报文中没有它要取的明细；请核对明细的元素名和层次")
            }
        }
    }
}

/// For the log: no values, no Chinese.
impl std::fmt::Display for MapError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MapError::NoneApplies(asked) => write!(f, "none of {} mappings applies", asked.len()),
            MapError::Open { path, error } => write!(f, "field {path} cannot be opened: {error}"),
            MapError::Unverified { is_missing: true, .. } => f.write_str("there is no signature"),
            MapError::Unverified { path, .. } => write!(f, "signature {path} is not right"),
            MapError::NoKey(path) => write!(f, "field {path} is encrypted and there is no key"),
            MapError::TooMuch(mapping) => write!(f, "mapping {mapping} looks at too many nodes"),
            MapError::NoRecords(mapping) => write!(f, "mapping {mapping} gives no record"),
        }
    }
}

impl MappingSet {
    /// Loads every `.toml` of the tree that is a mapping, and reports every problem of every file.
    ///
    /// `only` chooses mappings by the beginning of their path (`platform/`, `platform/visit.toml`);
    /// none chooses all. Warnings come back with the set.
    pub fn load(
        files: &Files,
        catalogs: &Catalogs,
        only: &[String],
    ) -> Result<(MappingSet, Vec<Problem>), Vec<Problem>> {
        let mut mappings = Vec::new();
        let mut problems = Vec::new();
        for (path, text) in files.iter().filter(|(path, _)| is_mapping(path) && chosen(path, only))
        {
            let (mapping, found) = compile::compile(path, text, files, catalogs);
            problems.extend(found);
            mappings.extend(mapping.map(|it| (path.to_owned(), it)));
        }
        let folders: BTreeSet<String> =
            mappings.iter().map(|(path, _)| answer_file(path)).collect();
        let mut answers = BTreeMap::new();
        for (path, text) in files.iter().filter(|(path, _)| folders.contains(*path)) {
            let (found, complaints) = answer::load(path, text, files, catalogs);
            problems.extend(complaints);
            answers.extend(found.map(|it| (path.to_owned(), Arc::new(it))));
        }
        if problems.iter().any(compile::is_error) {
            return Err(problems);
        }
        problems.extend(never_asked(&mappings));
        let dispatch = Dispatch::new(mappings.iter().map(|(_, it)| it));
        let has_verifies = mappings.iter().any(|(_, it)| !it.verifies.is_empty());
        Ok((MappingSet { mappings, dispatch, answers, has_verifies, answer: None }, problems))
    }

    /// The same mappings, all answered in the words of one file of the tree.
    pub fn answered_by(
        mut self,
        path: &str,
        files: &Files,
        catalogs: &Catalogs,
    ) -> Result<MappingSet, Vec<Problem>> {
        let Some(text) = files.get(path) else {
            let message = "there is no such answer file among the mappings".to_owned();
            return Err(vec![Problem::error("M061", path, (1, 1), message)]);
        };
        let (answers, problems) = answer::load(path, text, files, catalogs);
        match answers {
            Some(answers) => {
                self.answer = Some(Arc::new(answers));
                Ok(self)
            }
            None => Err(problems),
        }
    }

    /// The same mappings with the channel's keys, each proved to be there and to fit where it is named.
    pub fn keyed(mut self, keys: &Keys) -> Result<MappingSet, Vec<Problem>> {
        let mut problems = Vec::new();
        for (path, mapping) in &mut self.mappings {
            let mut told = |bad: BadKey| {
                problems.push(Problem::error("M019", path.as_str(), bad.place, bad.message));
            };
            for open in &mut mapping.opens {
                let Some(seal) = &open.seal else { continue };
                match seal.keyed(keys) {
                    Ok(transfer) => {
                        open.opening.transfers.insert(seal.at, transfer);
                        open.seal = None;
                    }
                    Err(bad) => told(bad),
                }
            }
            for verify in &mut mapping.verifies {
                verify.keyed(keys).unwrap_or_else(&mut told);
            }
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// What the channel answers in, whatever the mapping.
    pub fn answered(&self) -> Option<&Arc<Answers>> {
        self.answer.as_ref()
    }

    /// In which words to answer a message that no mapping applied to: the channel's, or those that all
    /// its mappings share.
    pub fn shared_answers(&self) -> Option<&Arc<Answers>> {
        if let Some(answer) = &self.answer {
            return Some(answer);
        }
        let mut all = self.mappings.iter().map(|(path, _)| self.answers_of(path));
        let first = all.next().flatten()?;
        all.all(|it| it.is_some_and(|it| Arc::ptr_eq(it, first))).then_some(first)
    }

    fn answers_of(&self, mapping: &str) -> Option<&Arc<Answers>> {
        self.answer.as_ref().or_else(|| self.answers.get(&answer_file(mapping)))
    }

    /// Files and names of the mappings, in the order they are asked.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.mappings.iter().map(|(path, mapping)| (path.as_str(), mapping.name.as_str()))
    }

    /// What an implementer may want to look at: optional elements that no mapping fills, one line a
    /// record. Nothing of it is wrong, so it is told only to whoever asks.
    pub fn advice(&self) -> impl Iterator<Item = &Problem> {
        self.mappings.iter().flat_map(|(_, mapping)| &mapping.advice)
    }

    /// Finds the mapping that applies and carries it out. Fields that hold documents are opened in
    /// place, so the document has grown afterwards.
    pub fn map<'s>(
        &'s self,
        document: &mut Document,
        context: &Context<'_>,
        limits: &Limits,
    ) -> Result<Mapped<'s>, MapError> {
        self.map_told(document, context, limits, None)
    }

    /// The same, and tells `reader` every node whose value the mapping asked for.
    pub fn map_told<'s>(
        &'s self,
        document: &mut Document,
        context: &Context<'_>,
        limits: &Limits,
        reader: Option<&dyn Fn(NodeId)>,
    ) -> Result<Mapped<'s>, MapError> {
        let opener = Opener::new(context, limits, reader);
        let mut opener = opener.keeping_sent(self.has_verifies);
        let (path, mapping) = self.choose(document, context, &mut opener)?;
        opener.open_all(document, mapping, mapping.opens.len())?;
        opener.verify(document, mapping, mapping.opens.len())?;
        if reader.is_some() {
            // What decided that this mapping applies was read, too; those that do not are not told.
            mapping.applies(document, context, reader)?;
        }
        mapping.regroup(document, context);
        let exhausted = |_| MapError::TooMuch(mapping.name.clone());
        let records = mapping.records(document, context, reader).map_err(exhausted)?;
        if records.is_empty() {
            return Err(MapError::NoRecords(mapping.name.clone()));
        }
        Ok(Mapped {
            mapping: &mapping.name,
            version: &mapping.version,
            catalog: &mapping.catalog,
            answers: self.answers_of(path),
            prepared: opener.told,
            records,
        })
    }

    fn choose(
        &self,
        document: &mut Document,
        context: &Context<'_>,
        opener: &mut Opener<'_>,
    ) -> Result<(&str, &Mapping), MapError> {
        let mut broken = None;
        for run in &self.dispatch.runs {
            match self.choose_of(run, document, context, opener) {
                Ok(Some(chosen)) => return Ok(chosen),
                Ok(None) => {}
                // Perhaps another mapping reads the field in another way, or not at all.
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        let asked = self.mappings.iter().map(|(_, it)| it.name.clone()).collect();
        Err(broken.unwrap_or(MapError::NoneApplies(asked)))
    }

    /// The first mapping of a run that applies. A mapping that is too much work does not, and is told
    /// only if no other of the run does.
    fn choose_of(
        &self,
        run: &Run,
        document: &mut Document,
        context: &Context<'_>,
        opener: &mut Opener<'_>,
    ) -> Result<Option<(&str, &Mapping)>, MapError> {
        let Some((_, first)) = self.mappings.get(run.members.start) else { return Ok(None) };
        opener.open_all(document, first, first.gates)?;
        let worth = run.worth_asking(|asker| {
            let (_, asker) = self.mappings.get(asker)?;
            asker.read(dispatch::demanded(asker)?, document, context)
        });
        let mut broken = None;
        for (path, mapping) in worth.into_iter().filter_map(|it| self.mappings.get(it)) {
            match mapping.applies(document, context, None) {
                Ok(true) => return Ok(Some((path, mapping))),
                Ok(false) => {}
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        broken.map_or(Ok(None), Err)
    }
}

#[cfg(test)]
impl MappingSet {
    /// Only the choice; `in_turn` asks every mapping.
    pub(crate) fn choose_name(
        &self,
        document: &mut Document,
        context: &Context<'_>,
        limits: &Limits,
        in_turn: bool,
    ) -> Result<String, MapError> {
        let mut opener = Opener::new(context, limits, None);
        if !in_turn {
            return self.choose(document, context, &mut opener).map(|(_, it)| it.name.clone());
        }
        let mut broken = None;
        for (_, mapping) in &self.mappings {
            let readable = opener.open_all(document, mapping, mapping.gates);
            match readable.and_then(|()| mapping.applies(document, context, None)) {
                Ok(true) => return Ok(mapping.name.clone()),
                Ok(false) => {}
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        let asked = self.mappings.iter().map(|(_, it)| it.name.clone()).collect();
        Err(broken.unwrap_or(MapError::NoneApplies(asked)))
    }
}

impl Mapping {
    fn applies(
        &self,
        document: &Document,
        context: &Context<'_>,
        reader: Option<&dyn Fn(NodeId)>,
    ) -> Result<bool, MapError> {
        let Some(when) = &self.when else { return Ok(true) };
        let found = Found::new(self.absolute_paths);
        let reading = Reading { reader, ..self.reading(document) };
        let root = Item::root(document);
        let applies = when.holds(&Scene::new(document, context, &root, &found, &reading));
        if reading.budget.is_spent() {
            return Err(MapError::TooMuch(self.name.clone()));
        }
        Ok(applies)
    }

    /// A value outside any record, as text.
    fn read(
        &self,
        expression: &Compiled,
        document: &Document,
        context: &Context<'_>,
    ) -> Option<String> {
        let (found, reading) = (Found::new(self.absolute_paths), self.reading(document));
        let root = Item::root(document);
        let scene = Scene::new(document, context, &root, &found, &reading);
        expression.evaluate(&scene).ok()?.to_text().map(Cow::into_owned)
    }

    /// Every node at a path of `[[open]]` or `[[group]]`.
    pub(crate) fn nodes(
        &self,
        document: &Document,
        context: &Context<'_>,
        path: &Path,
    ) -> Vec<NodeId> {
        let (found, reading) = (Found::new(0), self.reading(document));
        let root = Item::root(document);
        let scene = Scene::new(document, context, &root, &found, &reading);
        walk::all(&scene, document.root(), path)
    }

    fn regroup(&self, document: &mut Document, context: &Context<'_>) {
        for group in &self.groups {
            for parent in self.nodes(document, context, &group.parent) {
                document.group(parent, &group.starts, &group.ends, &group.name);
            }
        }
    }
}

/// The answers of a mapping lie beside it.
fn answer_file(mapping: &str) -> String {
    let folder = mapping.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{ANSWER_FILE}")
}

const ANSWER_FILE: &str = "answer.toml";

/// A mapping without `when` takes every message; those behind it are never asked.
fn never_asked(mappings: &[(String, Mapping)]) -> Option<Problem> {
    let greedy = mappings.iter().position(|(_, it)| it.when.is_none())?;
    let (path, _) = mappings.get(greedy)?;
    let (behind, _) = mappings.get(greedy + 1)?;
    let message = format!("without `when` it takes every message, and {behind} is never asked");
    Some(Problem::warning("M048", path, (1, 1), message))
}

/// A mapping lies in its vendor's folder. Cases, code maps and answers lie in folders of their own below it.
fn is_mapping(path: &str) -> bool {
    let is_toml = path.rsplit_once('.').is_some_and(|(_, extension)| extension == "toml");
    let is_answer = path.ends_with(&format!("/{ANSWER_FILE}"));
    is_toml
        && !is_answer
        && path.contains('/')
        && !path.split('/').any(|it| matches!(it, "cases" | "codes" | "answers"))
}

fn chosen(path: &str, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|it| path.starts_with(it.as_str()))
}
