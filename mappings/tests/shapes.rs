//! The shapes in which hospitals send tables, groups and lists, each with what a mapping says of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use adapters::{Input, Limits, WireFormat};
use mappings::{Catalogs, Context, MappedRecord, MappingSet};
use schemas::Files;

#[test]
fn two_tables_joined_by_key_inside_the_diffgram_only() {
    let message = r#"<ds><schema><CF><CFID>no data</CFID></CF></schema><diffgram xmlns="urn:d"><NewDataSet xmlns="">
        <CF><CFID>A</CFID><KS>内科</KS></CF><CF><CFID>B</CFID><KS>外科</KS></CF>
        <CFMX><CFID>B</CFID><YP>x</YP></CFMX><CFMX><CFID>A</CFID><YP>y</YP></CFMX><CFMX><CFID>C</CFID><YP>z</YP></CFMX>
        </NewDataSet><before><CF xmlns=""><CFID>B</CFID><KS>全科</KS></CF></before></diffgram></ds>"#;
    check(
        "",
        r#"each = "ds/{urn:d}diffgram/NewDataSet/CFMX""#,
        r"rx_detl_name = 'YP'
          rxno = 'CFID'
          drug_spec = '/ds/diffgram/NewDataSet/CF[CFID = $item/CFID]/KS'",
        message,
        "rxno=B rx_detl_name=x drug_spec=外科; rxno=A rx_detl_name=y drug_spec=内科; rxno=C rx_detl_name=z",
    );
}

#[test]
fn cda_entries_by_code_and_a_number_in_the_entry_behind() {
    let message = r#"<doc xmlns="urn:hl7-org:v3">
        <entry><observation><code code="DE05.01.024.00"/><value code="I10.x00">原发性高血压</value></observation></entry>
        <entry><act><drug>甲</drug></act></entry>
        <entry><observation><code code="DE08.50.056.00"/><value value="1"/></observation></entry>
        <entry><act><drug>乙</drug></act></entry>
        <entry><observation><code code="DE08.50.056.00"/><value value="2"/></observation></entry></doc>"#;
    check(
        "",
        r#"each = "doc/entry/act""#,
        r#"rx_detl_name = 'drug'
           drug_spec = '//observation[code/@code="DE05.01.024.00"]/value'
           rx_detl_id = '//observation[code/@code="DE05.01.024.00"]/value/@code'
           rx_srt_no = '../following-sibling::entry[1]/observation[code/@code = "DE08.50.056.00"]/value/@value | decimal'"#,
        message,
        "rx_detl_id=I10.x00 rx_detl_name=甲 drug_spec=原发性高血压 rx_srt_no=1; \
         rx_detl_id=I10.x00 rx_detl_name=乙 drug_spec=原发性高血压 rx_srt_no=2",
    );
}

#[test]
fn hl7_orders_are_groups_of_segments() {
    let message = "MSH|^~\\&|HIS|1|A|1|2026||OMP^O09|1|P|2.4\rPID|1||P1^^^H^PI~V9^^^H^VS||李\r\
        ORC|NW|1||CF1\rRXO|YP1^甲||5\rRXR|1\rZRX|1|32.50\r\
        ORC|NW|2||CF1\rRXO|YP2^乙\rNTE|1|L|饭后\\T\\睡前\rZRX|2|12.80\rZDG|1|I10^高血压~E11^糖尿病\r";
    check(
        r#"[[group]]
           starts = "ORC"
           ends = ["ZDG"]
           as = "order""#,
        r#"each = "order""#,
        r#"rxno = 'ORC/4'
           rx_detl_id = 'RXO/1'
           rx_detl_name = 'RXO/1/2'
           rx_srt_no = 'ZRX/1 | decimal'
           pric = 'ZRX/2 | decimal'
           drug_spec = 'NTE/3'
           cnt = 'count(preceding-sibling::order)'
           drug_dosform_name = '/PID/3[5="VS"]/1'
           medn_type_name = '/ZDG/2[2]/2'"#,
        message,
        "rxno=CF1 rx_detl_id=YP1 rx_detl_name=甲 medn_type_name=糖尿病 drug_dosform_name=V9 rx_srt_no=1 cnt=0 pric=32.50; \
         rxno=CF1 rx_detl_id=YP2 rx_detl_name=乙 medn_type_name=糖尿病 drug_dosform_name=V9 drug_spec=饭后&睡前 rx_srt_no=2 cnt=1 pric=12.80",
    );
}

#[test]
fn names_and_values_in_attributes() {
    check(
        "",
        r#"each = "r""#,
        r#"rx_detl_name = 'info[@name="性别"]/@value'
           drug_spec = 'info[@name="年龄"]/@value'"#,
        r#"<r><info name="姓名" value="李"/><info name="性别" value="男"/></r>"#,
        "rx_detl_name=男",
    );
}

#[test]
fn fixed_slots_are_a_list() {
    let record = r#"each = "r/v"
        slots = [['ICD1', 'ZD1 | trim'], ['ICD2', 'ZD2 | trim'], ['ICD3', 'ZD3 | trim']]
        where = '$1 != "-"'"#;
    check(
        "",
        record,
        r"rxno = '@no'
          rx_detl_id = '$1'
          rx_detl_name = '$2'
          rx_srt_no = '$slot'",
        r#"<r><v no="A"><ICD1>I10</ICD1><ZD1> 高血压 </ZD1><ICD2/><ZD2/><ICD3>E11</ICD3></v>
           <v no="B"><ICD1>-</ICD1><ICD2>J00</ICD2></v></r>"#,
        "rxno=A rx_detl_id=I10 rx_detl_name=高血压 rx_srt_no=1; rxno=A rx_detl_id=E11 rx_srt_no=3; \
         rxno=B rx_detl_id=J00 rx_srt_no=2",
    );
}

#[test]
fn two_lists_are_read_beside_each_other_though_one_has_a_hole() {
    let message = "<r><codes>I10||E11</codes><names>高血压|什么也不是|糖尿病</names><n>甲</n><n>乙</n><n>丙</n></r>";
    let expected = "rx_detl_id=I10 rx_detl_name=高血压 drug_spec=甲 rx_srt_no=1; \
                    rx_detl_id=E11 rx_detl_name=糖尿病 drug_spec=丙 rx_srt_no=3";
    let elements = r#"rx_detl_id = '.'
        rx_detl_name = '../names | split("|") | item($position)'
        drug_spec = '../n[$position]'
        rx_srt_no = '$position'"#;
    check("", r#"each = 'r/codes | split("|")'"#, elements, message, expected);
}

#[test]
fn rows_of_a_cross_join_are_distinct_by_key() {
    let row = |line, diagnosis| format!(r#"<row cf="A" mx="{line}" zd="{diagnosis}"/>"#);
    let rows: String =
        ["1", "2"].iter().flat_map(|it| ["I10", "E11", "J00"].map(|zd| row(it, zd))).collect();
    let message = format!("<r>{rows}</r>");
    let lines = r#"each = "r/row"
        distinct = '@mx'"#;
    check(
        "",
        lines,
        "rx_detl_name = '@mx'\nrxno = '@cf'",
        &message,
        "rxno=A rx_detl_name=1; rxno=A rx_detl_name=2",
    );
    let diagnoses = r#"each = "r/row"
        distinct = '@zd'"#;
    check(
        "",
        diagnoses,
        "rx_detl_id = '@zd'",
        &message,
        "rx_detl_id=I10; rx_detl_id=E11; rx_detl_id=J00",
    );
}

#[test]
fn several_prescriptions_in_one_message() {
    check(
        "",
        r#"each = "r/rx/line""#,
        r"rxno = '../@no'
          rx_detl_name = '.'
          rx_srt_no = '$position'
          cnt = 'count(../line)'",
        r#"<r><rx no="A"><line>x</line></rx><rx no="B"><line>y</line><line>z</line></rx></r>"#,
        "rxno=A rx_detl_name=x rx_srt_no=1 cnt=1; rxno=B rx_detl_name=y rx_srt_no=2 cnt=2; rxno=B rx_detl_name=z rx_srt_no=3 cnt=2",
    );
}

#[test]
fn nil_empty_null_and_absent_are_told_apart() {
    for (state, which) in [("absent", "d"), ("empty", "b"), ("null", "c e"), ("present", "a b c e")]
    {
        let found = which.split(' ').map(|it| format!("rx_detl_name={it}")).collect::<Vec<_>>();
        check(
            r#"null_words = ["无", "-"]"#,
            &format!(
                r#"each = "r/i"
                where = 'v is {state}'"#
            ),
            "rx_detl_name = '@k'",
            r#"<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><i k="a"><v>x</v></i><i k="b"><v/></i
                ><i k="c"><v xsi:nil="true"/></i><i k="d"/><i k="e"><v>无</v></i></r>"#,
            &found.join("; "),
        );
    }
    check(
        r#"null_words = ["null", "-"]"#,
        r#"each = "i""#,
        r#"rx_detl_id = 'k | default("没有")'
           rx_detl_name = 'v | default("没有")'"#,
        r#"{"i":[{"k":"-","v":"a-"},{"k":null,"v":" null"},{"k":"null","v":""}]}"#,
        "rx_detl_id=没有 rx_detl_name=a-; rx_detl_id=没有 rx_detl_name= null; rx_detl_id=没有 rx_detl_name=没有",
    );
}

#[test]
fn sums_over_the_rows_of_one_prescription() {
    check(
        "",
        r#"each = "r/row"
           distinct = '@cf'"#,
        r"rxno = '@cf'
          pric = 'sum(/r/row[@cf = $item/@cf], @je | decimal)'
          cnt = 'count(/r/row[@cf = $item/@cf])'",
        r#"<r><row cf="A" je="0.10"/><row cf="B" je="5"/><row cf="A" je="￥1,000.20"/><row cf="C"/></r>"#,
        "rxno=A cnt=2 pric=1000.30; rxno=B cnt=1 pric=5; rxno=C cnt=1",
    );
}

#[test]
fn the_item_stays_what_it_is_inside_a_sum() {
    check(
        "",
        "each = \"r/v\"",
        "pric = 'sum(row, @je | decimal | times($item/@rate | decimal))'",
        r#"<r><v rate="2"><row je="1" rate="9"/><row je="0.5"/></v><v rate="3"><row je="1"/></v></r>"#,
        "pric=3.0; pric=3",
    );
}

#[test]
fn a_sum_that_cannot_be_taken_is_a_finding() {
    check(
        "",
        r#"each = "r""#,
        "pric = 'sum(row, @je | decimal)'",
        r#"<r><row je="1"/><row je="七"/></r>"#,
        "M201 pric r/row[1]",
    );
}

#[test]
fn header_values_that_differ_between_rows_are_told() {
    let message = r#"<r><row cf="A" ks="内科" bz="x"/><row cf="B" ks="外科"/><row cf="A" ks="外科"/><row cf="A" ks="儿科" bz="x"/></r>"#;
    let elements = "rxno = '@cf'\nrx_detl_name = '@ks'\ndrug_spec = '@bz'\nrx_srt_no = '$position'";
    let record = |differ| format!("each = \"r/row\"\ndistinct = '@cf'\n{differ}");
    let kept = "rxno=A rx_detl_name=内科 drug_spec=x rx_srt_no=1";
    let other = "rxno=B rx_detl_name=外科 rx_srt_no=2";
    let told = "M207 rx_detl_name r/row[3]/@ks";
    check("", &record(""), elements, message, &format!("{told} {kept}; {other}"));
    check(
        "",
        &record("differ = \"warn\""),
        elements,
        message,
        &format!("({told}) {kept}; {other}"),
    );
    check("", &record("differ = \"ignore\""), elements, message, &format!("{kept}; {other}"));
    let lanes = r#"<r><row cf="A" no="1"/><row cf="A" no="2"/></r>"#;
    check(
        "",
        "each = \"r/row\"\ndistinct = '@cf'\nlane = '@no'",
        "rxno = '@cf'",
        lanes,
        "M207 rxno=A",
    );
}

#[test]
fn conditions_have_an_order() {
    for (condition, which) in [
        ("@q | decimal > 2", "b c"),
        ("@q | decimal >= 2 and not @d", "a"),
        ("@q | decimal < 2.5 or @d = \"2026-01-03\"", "a c"),
        ("not (@q | decimal < 2.5 or @d = \"2026-01-03\")", "b d"),
        ("@d | date(\"yyyy-MM-dd\") <= \"2026-01-02\" | date(\"yyyy-MM-dd\")", "b"),
        ("@k in (\"a\", \"d\")", "a d"),
        ("$position = 3", "c"),
        ("count(/r/i) = 4 and $position != 1", "b c d"),
        ("/r", "a b c d"),
        ("@d and /r", "b c"),
        ("@q != @k and @q | decimal = 2", "a"),
    ] {
        let found: Vec<_> = which.split(' ').map(|it| format!("rx_detl_name={it}")).collect();
        check(
            "",
            &format!("each = \"r/i\"\nwhere = '{condition}'"),
            "rx_detl_name = '@k'",
            r#"<r><i k="a" q="2.0"/><i k="b" q="10" d="2026-01-02"/><i k="c" q="3" d="2026-01-03"/><i k="d" q="x"/></r>"#,
            &found.join("; "),
        );
    }
}

#[test]
fn documents_in_fields_of_every_kind_to_any_depth() {
    // {"hl7": "ZRX|1^甲", "rows": "a,b\n\"1,5\",x"} in base64, in XML in a field.
    let inner = "eyJjc3YiOiJhLGJcclxuXCIxLDVcIix4XHJcbjIseSIsImxpc3QiOiJJMTBeR1hZI0UxMV5UTkIifQ==";
    let message = format!("<r><body>log: &lt;in&gt;{inner}&lt;/in&gt;</body></r>");
    let open = r#"[[open]]
        at = "r/body"
        as = "xml"
        skip_to = "<"
        [[open]]
        at = "r/body/in"
        as = ["base64", "json"]
        [[open]]
        at = "r/body/in/csv"
        as = "csv"
        [[open]]
        at = "r/body/in/list"
        as = "delimited"
        rows = "\#"
        columns = "^"
        names = ["code", "name"]"#
        .replace("\\#", "#");
    check(
        &open,
        "each = \"r/body/in/csv/row\"",
        "rx_detl_id = 'a'\nrx_detl_name = 'b'",
        &message,
        "rx_detl_id=1,5 rx_detl_name=x; rx_detl_id=2 rx_detl_name=y",
    );
    check(
        &open,
        "each = \"r/body/in/list/row\"",
        "rx_detl_id = 'code'\nrx_detl_name = 'name'",
        &message,
        "rx_detl_id=I10 rx_detl_name=GXY; rx_detl_id=E11 rx_detl_name=TNB",
    );
}

#[test]
fn large_tables_are_joined_without_looking_through_them_for_each_row() {
    let rows: Vec<_> =
        (0..4000).map(|it| format!("<a k=\"{it}\"/><b><k>{}</k></b>", 3999 - it)).collect();
    let rows = rows.concat();
    let found = outcome(
        "",
        "each = \"r/a\"\nwhere = '@k in (\"0\", \"3999\")'",
        "rx_detl_name = '@k'\ncnt = 'count(/r/b[k = $item/@k]/preceding-sibling::b)'\nrx_detl_id = '/r/b[k = $item/@k][not x]/k'",
        &format!("<r>{rows}</r>"),
    );
    assert_eq!(
        found,
        "rx_detl_id=0 rx_detl_name=0 cnt=3999; rx_detl_id=3999 rx_detl_name=3999 cnt=0"
    );
    let all = outcome(
        "",
        "each = \"r/a\"",
        "rx_detl_id = '/r/b[k = $item/@k]/k'",
        &format!("<r>{rows}</r>"),
    );
    assert_eq!(all.matches("rx_detl_id").count(), 4000);
}

#[test]
fn a_join_finds_rows_as_a_look_through_the_table_would() {
    // What begins at the item is never looked up in an index.
    let message = r#"<r><t><b k="1">x</b><b k="2">y</b></t><t><b k="1">z</b><b>w</b></t><t><b k="1"/><b k="1">v</b></t><a k="1"/><a/><a k="2"/><a k="3"/></r>"#;
    for (indexed, plain, counts) in [
        ("/r/t/b[@k = $item/@k]", "$item/../t/b[@k = $item/@k]", "4 0 1 0"),
        ("/r/t/b[@k = $item/@k][. != \"x\"]", "$item/../t/b[@k = $item/@k][. != \"x\"]", "3 0 1 0"),
        ("/r/t[b/@k = $item/@k]", "$item/../t[b/@k = $item/@k]", "3 0 1 0"),
        ("/r/t[b/@k = $item/@k]/b[2]", "$item/../t[b/@k = $item/@k]/b[2]", "3 0 1 0"),
        ("/r/t/b[@k = $item/@k][1]", "$item/../t/b[@k = $item/@k][1]", "3 0 1 0"),
        ("//b[@k = $item/@k]", "$item/..//b[@k = $item/@k]", "4 0 1 0"),
    ] {
        let read = |path: &str| {
            let elements = format!("rx_detl_name = '{path}'\ncnt = 'count({path})'");
            outcome("", "each = \"r/a\"", &elements, message)
        };
        let found = read(indexed);
        assert_eq!(found, read(plain), "{indexed}");
        let counted: Vec<_> = found.split("cnt=").skip(1).map(|it| &it[..1]).collect();
        assert_eq!(counted.join(" "), counts, "{indexed}");
    }
}

#[test]
fn a_join_without_bound_ends() {
    let rows = "<i/>".repeat(3000);
    check(
        "",
        "each = \"r/i\"",
        "rx_detl_name = 'following-sibling::i[following-sibling::i = \"x\"]'",
        &format!("<r>{rows}</r>"),
        "M104",
    );
}

/// `head` stands in `[mapping]` and behind it, `record` in `[[record]]`. What comes of the message is
/// told as findings (warnings in brackets) and elements, records apart by `;`.
#[track_caller]
fn check(head: &str, record: &str, elements: &str, message: &str, expected: &str) {
    assert_eq!(outcome(head, record, elements, message), expected);
}

fn outcome(head: &str, record: &str, elements: &str, message: &str) -> String {
    let required = ["rxno", "rx_detl_id", "rx_detl_name", "rx_srt_no", "vali_flag"];
    let rest = required.into_iter().filter(|name| !elements.contains(&format!("{name} =")));
    let rest: Vec<_> = rest.map(|name| format!("{name} = 'nothing | decimal'")).collect();
    let rest = rest.join("\n");
    let mapping = format!(
        "[mapping]\nname = \"shape\"\nprofile = \"clinical\"\nlane = '$operation | default(\"L\")'\n{head}\n[[record]]\n\
         entity = \"outpatient_prescription\"\nkey = ['$position']\n{record}\n\
         [record.elements]\n{elements}\n{rest}"
    );
    let mut files = Files::new();
    files.insert("v/shape.toml", mapping.as_str());
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
    let set = match MappingSet::load(&files, &catalogs, &[]) {
        // A lane by message id is told as a lane that no resend finds again; here it is what is meant.
        Ok((set, warnings)) if warnings.iter().all(|it| it.code == "M048") => set,
        Ok((_, problems)) | Err(problems) => {
            return problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        }
    };
    let limits = Limits::default();
    let input = Input::new(message.as_bytes(), WireFormat::Auto, None);
    let mut document = adapters::decode(&input, &limits).unwrap().document;
    let context = Context {
        channel: "c",
        org: "o",
        message_id: "m",
        received_at: jiff::civil::datetime(2026, 1, 2, 3, 4, 5, 0),
        operation: None,
    };
    match set.map(&mut document, &context, &limits) {
        Ok(mapped) => {
            let shown = mapped.records.iter().map(show);
            shown.collect::<Vec<_>>().join("; ")
        }
        Err(error) => error.code().to_owned(),
    }
}

fn show(record: &MappedRecord<'_>) -> String {
    let findings = record.findings.iter().map(|it| {
        let told = format!("{} {} {}", it.code, it.element, it.path);
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        let warns = it.severity == schemas::FindingSeverity::Warn;
        if warns { format!("({told})") } else { told }
    });
    let elements = record.elements.iter().map(|(position, value)| {
        format!("{}={}", record.entity.elements()[position].name(), text(value))
    });
    findings.chain(elements).collect::<Vec<_>>().join(" ")
}

fn text(value: schemas::ValueRef<'_>) -> String {
    match value {
        schemas::ValueRef::Text(text) => text.to_owned(),
        schemas::ValueRef::Number(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}
