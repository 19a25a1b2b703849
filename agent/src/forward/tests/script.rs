//! A broker that follows a script, and what it has seen.

use super::*;

/// Looks on at what goes over the road.
pub(super) trait Onlooker: Send + Sync {
    /// The forwarder has handed it over.
    fn sent(&self, parcel: &Parcel);

    /// The broker has it.
    fn stored(&self, _parcel: &Parcel) {}

    /// The broker says so.
    fn confirmed(&self, _parcel: &Parcel) {}
}

/// What the broker does, and what it has seen.
#[derive(Default)]
pub(super) struct Script {
    pub(super) down: bool,
    pub(super) frozen: bool,
    pub(super) blocked: bool,
    pub(super) closes_with: Option<u16>,
    pub(super) poison: Option<String>,
    pub(super) unrouted: BTreeSet<String>,
    pub(super) nacked: BTreeSet<String>,
    // Entities whose queue cannot say that it has them.
    pub(super) muted: BTreeSet<String>,
    // Records from this number on are stored, but their answers do not come.
    pub(super) unanswered_from: Option<u64>,
    // Connections up to this one are broken.
    pub(super) cut: usize,
    pub(super) connections: usize,
    // Messages answered at one look at the socket.
    pub(super) answers_at_once: Option<usize>,
    pub(super) moves: usize,
    pub(super) refused: usize,
    pub(super) arrived: Vec<u64>,
    pub(super) messages: usize,
}

impl Script {
    pub(super) fn obey(&mut self, command: &str) {
        let (verb, object) = command.split_once(' ').unwrap_or((command, ""));
        match verb {
            "down" => (self.down, self.cut) = (true, self.connections),
            "up" => self.down = false,
            "freeze" => self.frozen = true,
            "thaw" => self.frozen = false,
            "block" => self.blocked = true,
            "unblock" => self.blocked = false,
            "cut" => self.cut = self.connections,
            "close" => self.closes_with = Some(object.parse().unwrap()),
            "open" => self.closes_with = None,
            "poison" => self.poison = Some(object.to_owned()),
            "unroute" => drop(self.unrouted.insert(object.to_owned())),
            "nack" => drop(self.nacked.insert(object.to_owned())),
            "mute" => drop(self.muted.insert(object.to_owned())),
            "slow" => self.unanswered_from = Some(object.parse().unwrap()),
            "fast" => self.unanswered_from = None,
            "route" => {
                self.unrouted.remove(object);
                self.nacked.remove(object);
                self.muted.remove(object);
                self.poison.take_if(|it| it == object);
            }
            other => panic!("no such command: {other}"),
        }
    }

    pub(super) fn take(&mut self, parcel: &Parcel) -> Result<Option<Confirm>, BrokerError> {
        let poisonous = self.poison.as_ref() == Some(&parcel.entity);
        if let Some(reply_code) = self.closes_with.or(poisonous.then_some(406)) {
            return Err(BrokerError::ChannelClosed { reply_code, reply_text: "no".to_owned() });
        }
        if self.unrouted.contains(&parcel.entity) {
            self.refused += 1;
            let reply_text = "NO_ROUTE".to_owned();
            return Ok(Some(Confirm::Returned { reply_code: 312, reply_text }));
        }
        if self.nacked.contains(&parcel.entity) {
            return Ok(Some(Confirm::Nacked));
        }
        self.messages += 1;
        self.arrived.extend(&parcel.seqs);
        let answered = self.unanswered_from.is_none_or(|from| parcel.ticket() < from);
        Ok(answered.then_some(Confirm::Confirmed))
    }
}

pub(super) struct Scripted(pub(super) Arc<Mutex<Script>>, pub(super) Arc<dyn Onlooker>);

impl Broker for Scripted {
    type Session = ScriptedSession;

    fn peer(&self) -> String {
        "script".to_owned()
    }

    fn move_on(&mut self) {
        self.0.lock().unwrap().moves += 1;
    }

    async fn connect(&mut self) -> Result<ScriptedSession, BrokerError> {
        let mut script = self.0.lock().unwrap();
        if script.down {
            return Err(BrokerError::Unreachable { reason: "connection refused".to_owned() });
        }
        script.connections += 1;
        Ok(ScriptedSession {
            number: script.connections,
            script: Arc::clone(&self.0),
            onlooker: Arc::clone(&self.1),
            sent: Vec::new(),
            told_blocked: false,
        })
    }
}

/// Looks at the script every few milliseconds, as a broker looks at its socket.
pub(super) struct ScriptedSession {
    pub(super) number: usize,
    pub(super) script: Arc<Mutex<Script>>,
    pub(super) onlooker: Arc<dyn Onlooker>,
    // Parcels on their way, and whether the broker has them and only the answer is missing.
    pub(super) sent: Vec<(Parcel, bool)>,
    pub(super) told_blocked: bool,
}

impl Session for ScriptedSession {
    fn publish(&mut self, parcel: &Parcel) {
        self.onlooker.sent(parcel);
        self.sent.push((parcel.clone(), false));
    }

    async fn hear(&mut self) -> Result<Heard, BrokerError> {
        loop {
            sleep(Duration::from_millis(10)).await;
            if let Some(heard) = self.look()? {
                return Ok(heard);
            }
        }
    }

    async fn close(self) {}
}

impl ScriptedSession {
    pub(super) fn look(&mut self) -> Result<Option<Heard>, BrokerError> {
        let mut script = self.script.lock().unwrap();
        if script.cut >= self.number {
            return Err(BrokerError::Lost { reason: "connection reset by peer".to_owned() });
        }
        if script.frozen {
            return Ok(None);
        }
        if self.told_blocked != script.blocked {
            self.told_blocked = script.blocked;
            let reason = "low on memory".to_owned();
            return Ok(Some(if script.blocked {
                Heard::Blocked(reason)
            } else {
                Heard::Unblocked
            }));
        }
        if script.blocked {
            return Ok(None);
        }
        let mut answers = Vec::new();
        let mut unanswered = Vec::new();
        let at_once = script.answers_at_once.unwrap_or(usize::MAX);
        for (parcel, taken) in std::mem::take(&mut self.sent) {
            if answers.len() >= at_once || script.muted.contains(&parcel.entity) {
                unanswered.push((parcel, taken));
                continue;
            }
            let slow = script.unanswered_from.is_some_and(|from| parcel.ticket() >= from);
            let answer = if taken {
                (!slow).then_some(Confirm::Confirmed)
            } else {
                let answer = script.take(&parcel)?;
                if matches!(answer, Some(Confirm::Confirmed) | None) {
                    self.onlooker.stored(&parcel);
                }
                answer
            };
            if answer == Some(Confirm::Confirmed) {
                self.onlooker.confirmed(&parcel);
            }
            match answer {
                Some(answer) => answers.push((parcel.ticket(), answer)),
                None => unanswered.push((parcel, true)),
            }
        }
        self.sent = unanswered;
        Ok((!answers.is_empty()).then_some(Heard::Answers(answers)))
    }
}
