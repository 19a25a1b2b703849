//! TLS to the platform: its own CA, a client certificate in place of a password, an address that is
//! dead before the one that works, and a certificate that expires while the connection is open.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::thread;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::certificates::Certificates;
use tests::load;
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::rabbitmq::RabbitMq;

#[test]
fn a_certificate_that_expires_is_named_and_a_new_one_is_taken_up() {
    let made = Certificates::new();
    made.sign("server", "mq.test", 3_600);
    made.sign("agent", "hospital", 3_600);
    let broker = RabbitMq::start_with(&config(&made), &["rabbitmq_auth_mechanism_ssl"]);
    broker.declare_topology("his.records", "platform");
    broker.ctl(&["add_user", "hospital", "never used"]);
    broker.ctl(&["set_permissions", "hospital", "", ".*", ""]);
    exchange_certificate(&broker, &made, LIFE_S);

    // A port that nobody listens on comes first.
    let dead = tests::free_port();
    let mut setup = Setup::amqp(&format!("amqps://127.0.0.1:{dead}/%2f"));
    setup.forward = forward(&made, &broker);
    let agent = Agent::start(setup);
    let obligations = Obligations::default();
    load::send(agent.his(), &Case::of("platform").numbered(1), &obligations);
    agent.await_drained();
    let said = agent.readiness();
    assert!(said["forward"]["certificate_until"].is_string(), "{said}");
    assert!(said["forward"]["notices"]["F114"].is_string(), "{said}");

    let said = agent.await_readiness("told that the certificate has expired", |it| {
        it.pointer("/forward/state") == Some(&Value::from("certificate"))
    });
    assert_eq!(said["forward"]["last_error"]["code"], "F111", "{said}");
    load::send(agent.his(), &Case::of("platform").numbered(2), &obligations);
    thread::sleep(Duration::from_secs(1));
    assert_ne!(agent.readiness()["outbox"]["waiting"], 0, "sent past an expired certificate");

    exchange_certificate(&broker, &made, 3_600);
    agent.await_drained();
    assert_eq!(agent.readiness()["forward"]["state"], "open");
    let platform = Platform::of_queue(&broker.url(), "platform");
    obligations.assert_met_by(&platform.receive(obligations.count()));
}

fn exchange_certificate(broker: &RabbitMq, made: &Certificates, seconds: u64) {
    made.sign("server", "mq.test", seconds);
    // Erlang keeps the files it has read for two minutes.
    broker.ctl(&["eval", "ssl:clear_pem_cache()."]);
}

fn config(made: &Certificates) -> String {
    let path = |name| made.path(name).display().to_string();
    format!(
        "listeners.ssl.1 = 127.0.0.1:{{tls}}\nssl_options.cacertfile = {}\n\
         ssl_options.certfile = {}\nssl_options.keyfile = {}\nssl_options.verify = verify_peer\n\
         ssl_options.fail_if_no_peer_cert = true\nauth_mechanisms.1 = EXTERNAL\n\
         auth_mechanisms.2 = PLAIN\nssl_cert_login_from = common_name\n",
        path("ca.pem"),
        path("server.pem"),
        path("server.key"),
    )
}

fn forward(made: &Certificates, broker: &RabbitMq) -> String {
    let path = |name| made.path(name).display().to_string();
    format!(
        "urls = [\"amqps://127.0.0.1:{}/%2f\"]\nca_file = \"{}\"\ncert_file = \"{}\"\n\
         key_file = \"{}\"\nserver_name = \"mq.test\"\nauth = \"external\"\nretry_longest_ms = 1000",
        broker.tls_port(),
        path("ca.pem"),
        path("agent.pem"),
        path("agent.key"),
    )
}

/// Long enough to start an agent and send a message on a machine that compiles.
const LIFE_S: u64 = 60;
