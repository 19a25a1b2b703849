//! What of the request an answer may repeat: serial numbers, names, the caller's own line numbers.

use adapters::Document;
use serde_json::{Map, Value, json};

use crate::compiled::{Compiled, From};
use crate::scene::{Budget, Context, Found, Item, Reading, Scene};
use crate::walk;

/// Compiled expressions over the source document, by name.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) values: Vec<(String, Compiled)>,
    pub(crate) lists: Vec<RequestList>,
    pub(crate) absolute_paths: usize,
}

/// One group for each node that a path reaches.
#[derive(Debug)]
pub(crate) struct RequestList {
    pub(crate) name: String,
    pub(crate) each: Compiled,
    pub(crate) values: Vec<(String, Compiled)>,
}

impl Request {
    /// The values of one message. What it does not have, or what cannot be restated, has no value.
    pub(crate) fn read(&self, document: &Document, context: &Context<'_>) -> Value {
        let found = Found::new(self.absolute_paths);
        let root = Item { node: document.root(), text: None, position: 1 };
        let reading = Reading { budget: Budget::of(document), ..Reading::default() };
        let whole = Scene::new(document, context, &root, &found, &reading);
        let mut members = group(&self.values, &whole);
        for list in &self.lists {
            let (From::Relative(path) | From::Absolute(_, path)) = &list.each.source else {
                continue;
            };
            let nodes = walk::all(&whole, document.root(), path);
            let items = nodes.into_iter().zip(1..).map(|(node, position)| {
                let item = Item { node, text: None, position };
                Value::from(group(&list.values, &whole.of_item(&item)))
            });
            members.insert(list.name.clone(), items.collect());
        }
        Value::from(members)
    }

    /// The names that templates may use, and for a list the names in it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let values = self.values.iter().map(|(name, _)| name.as_str());
        values.chain(self.lists.iter().map(|it| it.name.as_str()))
    }

    /// A request in which every value is the same text, for trying templates; or none has a value.
    pub(crate) fn sample(&self, text: Option<&str>) -> Value {
        let sample = |values: &[(String, Compiled)]| -> Value {
            let members = values.iter().map(|(name, _)| (name.clone(), json!(text)));
            Value::from(members.collect::<Map<_, _>>())
        };
        let mut request = sample(&self.values);
        for list in &self.lists {
            let items: Vec<Value> = text.iter().map(|_| sample(&list.values)).collect();
            if let Some(members) = request.as_object_mut() {
                members.insert(list.name.clone(), Value::from(items));
            }
        }
        request
    }
}

fn group(values: &[(String, Compiled)], scene: &Scene<'_>) -> Map<String, Value> {
    let value = |it: &Compiled| {
        let datum = it.evaluate(scene).ok();
        datum.and_then(|it| it.to_text().map(std::borrow::Cow::into_owned))
    };
    values.iter().map(|(name, it)| (name.clone(), json!(value(it)))).collect()
}
