//! The whole road: six vendors' prescriptions in, standard records out at the platform, compared
//! with the golden cases digit for digit. Over a real RabbitMQ, and through a folder.

use tests::agent::{Agent, Setup};
use tests::cases::{Case, Message};
use tests::his::{self, Receipt};
use tests::obligations::Obligations;
use tests::platform::{Delivered, Platform};
use tests::rabbitmq::RabbitMq;

#[test]
fn six_vendors_reach_the_platform_over_a_broker() {
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    let mut agent = Agent::start(Setup::amqp(&broker.url()));
    let platform = Platform::of_queue(&broker.url(), "platform");
    let delivered = walk(&mut agent, &platform);
    assert_eq!(delivered.summary["doubles"], 0, "the agent sent something twice");
}

#[test]
fn six_vendors_reach_the_platform_through_a_folder() {
    let mut agent = Agent::start(Setup::files());
    let platform = Platform::of_folder(&agent.records());
    walk(&mut agent, &platform);
}

/// First sending, resend, resend after a restart, changed content; gives what has arrived in the end.
fn walk(agent: &mut Agent, platform: &Platform) -> Delivered {
    let obligations = Obligations::default();
    let cases: Vec<(u64, Case)> = (1..).zip(Case::all()).collect();
    let messages: Vec<Message> = cases.iter().map(|(n, case)| case.numbered(*n)).collect();
    let records: usize = messages.iter().map(|it| it.records.len()).sum();

    let receipts: Vec<Receipt> = messages.iter().map(|it| send(agent, it, &obligations)).collect();
    for receipt in &receipts {
        assert_eq!(statuses(receipt), vec!["accepted 1"; receipt.records.len()]);
    }
    agent.await_drained();
    obligations.assert_met_by(&platform.receive(records));

    resend(agent, &messages, &receipts, &obligations);
    assert_eq!(agent.stop().code, Some(0), "{}", agent.log());
    agent.start_again();
    resend(agent, &messages, &receipts, &obligations);

    // The first drug has become 20 fen dearer: one record has another content under its key.
    let mut count = 0;
    for ((n, case), first) in cases.iter().zip(&receipts).filter(|((_, case), _)| case.has("32.5"))
    {
        let changed = case.numbered(*n).changed("32.5", "32.7");
        let receipt = send_changed(agent, &changed, first);
        obligations.note(&changed, &receipt);
        count += 1;
    }
    assert!(count >= 6, "only {count} cases have the price");
    agent.await_drained();
    let delivered = platform.receive(records + count);
    assert_eq!(delivered.records.iter().filter(|it| it.revision == 2).count(), count);
    assert_eq!(obligations.count(), records + count);
    obligations.assert_met_by(&delivered);
    delivered
}

fn send(agent: &Agent, message: &Message, obligations: &Obligations) -> Receipt {
    tests::load::send(agent.his(), message, obligations)
}

/// The same bytes again get the first receipt again, marked as such.
#[track_caller]
fn resend(agent: &Agent, messages: &[Message], first: &[Receipt], obligations: &Obligations) {
    for (message, first) in messages.iter().zip(first) {
        let mut again = send(agent, message, obligations);
        assert_eq!(statuses(&again), vec!["duplicate 1"; again.records.len()]);
        again.records.iter_mut().for_each(|it| it.status.replace_range(.., "accepted"));
        assert_eq!(again, *first, "{}", message.channel);
    }
}

/// Exactly one record is new, as revision 2, under the key of the old one.
#[track_caller]
fn send_changed(agent: &Agent, message: &Message, first: &Receipt) -> Receipt {
    let answer = his::send(agent.his(), message).expect("the agent answers");
    let receipt = answer.said().receipt;
    let new: Vec<_> = receipt.records.iter().filter(|it| it.status == "accepted").collect();
    let [new] = new.as_slice() else { panic!("{}: {}", message.channel, answer.text()) };
    assert_eq!((new.entity.as_str(), new.revision), ("outpatient_prescription", 2));
    let old = first.records.iter().find(|it| (&it.entity, &it.key) == (&new.entity, &new.key));
    let old = old.expect("the key is as it was");
    assert!(new.record_id != old.record_id && new.seq > old.seq, "{}", answer.text());
    receipt
}

fn statuses(receipt: &Receipt) -> Vec<String> {
    receipt.records.iter().map(|it| format!("{} {}", it.status, it.revision)).collect()
}
