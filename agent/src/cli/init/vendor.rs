//! The page for the vendor of the HIS: the address, what goes there, how to tell that it was taken, and
//! the request in four languages.

use super::channel::Channel;
use crate::config::Config;

pub(super) fn page(config: &Config, channel: &Channel) -> String {
    let his = config.listen.his;
    let base = if his.ip().is_unspecified() {
        // An address that stands for all of this machine's cannot be called.
        format!("http://本机在内网的地址:{}", his.port())
    } else {
        format!("http://{his}")
    };
    let url = if channel.is_soap {
        format!("{base}/soap/{}", channel.name)
    } else {
        format!("{base}/v1/channels/{}/messages", channel.name)
    };
    let mut page = PAGE.replace("{url}", &url).replace("{channel}", &channel.name);
    if channel.is_soap {
        let told =
            format!("SOAP，描述在 {url}?wsdl；{}也可以 POST，报文", old(config, channel, &base));
        page = page.replace("POST，报文", &told);
    }
    if his.ip().is_loopback() {
        page.push_str(LOOPBACK);
    } else if his.ip().is_unspecified() {
        page.push_str(ANYWHERE);
    }
    page
}

/// Where the service that it takes the place of was called: a HIS that was compiled against it has the path.
fn old(config: &Config, channel: &Channel, base: &str) -> String {
    let of_name = config.channels.iter().find(|it| it.name == channel.name);
    let paths = of_name.and_then(|it| it.soap.as_ref()).map(|it| it.paths.as_slice());
    let urls: Vec<String> =
        paths.unwrap_or_default().iter().map(|it| format!("{base}{it}")).collect();
    if urls.is_empty() {
        return String::new();
    }
    format!("HIS 编译时的路径照用，只改主机和端口：{}；", urls.join("、"))
}

const PAGE: &str = include_str!("vendor.txt");
const ANYWHERE: &str =
    "\n本机在内网的地址用 ip -br addr 看，把上面的地址换成它；从别的机器调用要令牌。\n";
const LOOPBACK: &str = "\n现在只有本机连得上。HIS 在别的机器上时，先配证书，再把 [listen] his 改成本机在内网的地址，重启，把上面的地址也换掉。\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_address_in_every_language() {
        let config = listening("127.0.0.1:9");
        let channel =
            |is_soap| Channel { text: String::new(), name: "rx".to_owned(), sample: None, is_soap };
        let told = page(&config, &channel(false));
        assert_eq!(told.matches("http://127.0.0.1:9/v1/channels/rx/messages").count(), 5, "{told}");
        assert!(told.contains("只有本机连得上") && !told.contains("{url}"), "{told}");
        assert!(page(&config, &channel(true)).contains("/soap/rx?wsdl；也可以 POST"));
        let soap = "[[channel]]\nname = \"rx\"\n[channel.soap]\nnamespace = \"\"\npaths = [\"/x/Old.asmx\"]\n\
             [[channel.soap.operation]]\nname = \"Call\"\n";
        let told = page(&configured("127.0.0.1:9", soap), &channel(true));
        assert!(told.contains("只改主机和端口：http://127.0.0.1:9/x/Old.asmx；"), "{told}");
        let told = page(&listening("0.0.0.0:9"), &channel(false));
        assert!(
            told.contains("http://本机在内网的地址:9/v1/") && told.contains("ip -br addr"),
            "{told}"
        );
        assert!(!told.contains("0.0.0.0") && !told.contains("只有本机"), "{told}");
    }

    fn listening(his: &str) -> Config {
        configured(his, "")
    }

    fn configured(his: &str, channels: &str) -> Config {
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"n\"\n[listen]\nhis = \"{his}\"\nclear_text_off_loopback = true\n{channels}"
        );
        let Ok(config) = Config::parse("agent.toml", &text) else { panic!("{text}") };
        config
    }
}
