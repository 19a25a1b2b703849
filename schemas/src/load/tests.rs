//! Files in, problems out.
#![allow(clippy::unwrap_used)]

use crate::{Catalog, Files, Required};

const HEADER: &str = "name,zh_name,format,required,value_domain,key,confirmed,notes\n";

#[test]
fn a_small_dictionary_is_sound() {
    check(&[], "");
}

#[test]
fn every_fault_of_a_file_is_told_at_its_place() {
    let rows = "rxno,处方号,C30x,Y,,y,y,\n\
                rxno,处方号,C..30,Y,,n,y,\n\
                gend,,C..1,J,gendd,n,maybe,\n\
                9x,坏名,C..1,N,a||b,n,y,\n\
                lines,明细,node,N,nowhere,n,y,\n\
                short,短\n";
    check(
        &[("entities/record.csv", &format!("{HEADER}{rows}"))],
        "entities/record.csv:2:10: error[S105]: `C30x` is no format; write like C6, C..10, C..ul, \
         N16, N..17,2, YYYYMMDD, hhmmss, YYYYMMDDhhmmss, B, BY-JPEG or node\n\
         entities/record.csv:3:1: error[S108]: the element `rxno` already stands above\n\
         entities/record.csv:4:6: error[S112]: `zh_name` is empty\n\
         entities/record.csv:4:12: error[S106]: `J` is not Y, N or C\n\
         entities/record.csv:4:14: error[S109]: there is no domain `gendd`; write ?gendd when its values are not published\n\
         entities/record.csv:4:22: error[S107]: `maybe` is not y or n\n\
         entities/record.csv:5:1: error[S121]: `9x` is no name: a letter or _, then letters, digits, _ and -\n\
         entities/record.csv:5:14: error[S109]: there is no domain `a||b`; write ?a||b when its values are not published\n\
         entities/record.csv:6:17: error[S118]: `nowhere` is no entity, or one that holds itself\n\
         entities/record.csv:7:1: error[S102]: the row has 2 cells, the header 8; quote cells with commas",
    );
}

#[test]
fn headers() {
    check(
        &[("entities/record.csv", "name,zh_name,format,required,domain,key,confirmed,notes\n")],
        "entities/record.csv:1:1: error[S103]: the header lacks the column `value_domain`\n\
         entities/record.csv:1:1: error[S110]: no element of the entity has key = y\n\
         entities/record.csv:1:30: error[S104]: `domain` is no column of this file; they are \
         name,zh_name,format,required,value_domain,key,confirmed,notes",
    );
}

#[test]
fn domains() {
    check(
        &[
            ("domains/gend.csv", "code,zh_name\n1,男\n1,女\n,无\n"),
            ("domains/empty.csv", "code,zh_name\n"),
        ],
        "domains/empty.csv:1:1: error[S111]: the domain has no codes; write ?name in value_domain when none are published\n\
         domains/gend.csv:3:1: error[S111]: the code `1` already stands above\n\
         domains/gend.csv:4:1: error[S112]: `code` is empty",
    );
}

#[test]
fn the_index_and_the_files_agree() {
    check(
        &[
            (
                "entities.csv",
                "entity,zh_name,what\nrecord,记录,a record\nghost,无,none\nrecord,记录,\n",
            ),
            ("entities/other.csv", HEADER),
        ],
        "entities.csv:3:1: error[S117]: entities/ghost.csv is missing\n\
         entities.csv:4:1: error[S117]: `record` is already listed above\n\
         entities.csv:4:11: error[S112]: `what` is empty\n\
         entities/other.csv:1:1: error[S117]: the entity is not listed in entities.csv",
    );
}

#[test]
fn an_entity_never_holds_itself() {
    check(
        &[(
            "entities/record.csv",
            &format!("{HEADER}rxno,处方号,C..30,Y,,y,y,\nlines,明细,node,N,record,n,y,\n"),
        )],
        "entities/record.csv:3:17: error[S118]: `record` is no entity, or one that holds itself",
    );
}

#[test]
fn an_entity_needs_a_key() {
    check(
        &[("entities/record.csv", &format!("{HEADER}rxno,处方号,C..30,Y,,n,y,\n"))],
        "entities/record.csv:1:1: error[S110]: no element of the entity has key = y",
    );
}

#[test]
fn the_moment_of_an_entity_is_a_date_with_a_time() {
    let index = |moment| format!("entity,zh_name,what,moment\nrecord,记录,a record,{moment}\n");
    let told = "entities.csv:2:20: error[S123]: `gend` is no element that holds date and time";
    check(&[("entities.csv", &index("gend"))], told);
    check(&[("entities.csv", &index(""))], "");
}

#[test]
fn toml_faults_have_their_place() {
    check(
        &[
            ("catalog.toml", "name = \"t\"\nversion = \" \"\n"),
            (
                "profiles/t/profile.toml",
                "name = \"u\"\nzh_name = \"试\"\nwhat = \"x\"\nbased = \"n\"\n",
            ),
        ],
        "catalog.toml:2:11: error[S112]: `version` is empty\n\
         profiles/t/profile.toml:4:1: error[S115]: unknown field `based`, expected one of `name`, `zh_name`, `what`, `based_on`",
    );
}

#[test]
fn profiles_that_are_not_there_or_go_in_a_circle() {
    check(
        &[(
            "profiles/t/profile.toml",
            "name = \"t\"\nzh_name = \"试\"\nwhat = \"x\"\nbased_on = \"u\"\n",
        )],
        "profiles/t/profile.toml:4:12: error[S101]: there is no profile `u`; there are t",
    );
    check(
        &[(
            "profiles/t/profile.toml",
            "name = \"u\"\nzh_name = \"试\"\nwhat = \"x\"\nbased_on = \"t\"\n",
        )],
        "profiles/t/profile.toml:1:8: error[S122]: the folder is called `t`, the profile `u`\n\
         profiles/t/profile.toml:4:12: error[S116]: the profile `t` is based on itself",
    );
    let problems = Catalog::load(&files(&[]), "x").unwrap_err();
    let shown: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        ["profiles/x/profile.toml:1:1: error[S101]: there is no profile `x`; there are t"]
    );
}

#[test]
fn profile_rows() {
    check(
        &[(
            "profiles/t/elements.csv",
            "entity,name,zh_name,format,required,value_domain,key,notes\n\
             recrod,rxno,,,N,,,\n\
             record,rxno,,,,,,\n\
             record,new,新,,,,,\n\
             record,gend,,C1..,,sex,,\n\
             record,gend,,,N,,,\n",
        )],
        "profiles/t/elements.csv:2:1: error[S113]: there is no entity `recrod`\n\
         profiles/t/elements.csv:3:8: warning[S114]: the row changes nothing\n\
         profiles/t/elements.csv:4:8: error[S114]: `new` is new in `record`, so it needs format, required\n\
         profiles/t/elements.csv:5:14: error[S105]: `C1..` is no format; write like C6, C..10, C..ul, \
         N16, N..17,2, YYYYMMDD, hhmmss, YYYYMMDDhhmmss, B, BY-JPEG or node\n\
         profiles/t/elements.csv:5:20: error[S109]: there is no domain `sex`; write ?sex when its values are not published\n\
         profiles/t/elements.csv:6:8: error[S108]: `gend` of `record` already stands above",
    );
}

#[test]
fn files_that_nothing_reads_are_warned_of() {
    let files = files(&[
        ("entities/record.txt", ""),
        ("domains/old/gend.csv", ""),
        ("profiles/t/element.csv", ""),
        ("profiles/t/domains/sex.csv", "code,zh_name\n1,男\n"),
        ("README.md", ""),
    ]);
    let warnings: Vec<_> =
        Catalog::load(&files, "t").unwrap().warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "domains/old/gend.csv:1:1: warning[S119]: nothing reads this file; is its name or folder right?",
            "entities/record.txt:1:1: warning[S119]: nothing reads this file; is its name or folder right?",
            "profiles/t/domains/sex.csv:1:1: warning[S120]: no element has the domain `sex`, and it replaces none",
            "profiles/t/element.csv:1:1: warning[S119]: nothing reads this file; is its name or folder right?",
        ]
    );
}

#[test]
fn a_profile_lies_over_the_one_it_is_based_on() {
    let files = files(&[
        (
            "profiles/u/profile.toml",
            "name = \"u\"\nzh_name = \"上\"\nwhat = \"x\"\nbased_on = \"t\"\n",
        ),
        (
            "profiles/t/elements.csv",
            "entity,name,format,required,notes\nrecord,rxno,C..40,N,longer here\n",
        ),
        (
            "profiles/u/elements.csv",
            "entity,name,zh_name,format,required,value_domain,key,notes\n\
             record,rxno,,,C,,n,\nrecord,srt,序号,N..4,Y,,y,\nrecord,area,,,,-,,\n",
        ),
        ("profiles/u/domains/gend.csv", "code,zh_name\nM,男\n"),
    ]);
    let below = Catalog::load(&files, "t").unwrap();
    let rxno = below.entity("record").unwrap().element("rxno").unwrap();
    assert_eq!((rxno.format().to_string().as_str(), rxno.required()), ("C..40", Required::No));
    assert_eq!(rxno.notes(), "from 1; longer here");
    assert!(below.domain("gend").unwrap().contains("1"));

    let above = Catalog::load(&files, "u").unwrap();
    let record = above.entity("record").unwrap();
    let rxno = record.element("rxno").unwrap();
    assert_eq!(rxno.format().to_string(), "C..40");
    assert_eq!(rxno.required(), Required::Conditional);
    assert_eq!(record.key(), ["srt"]);
    assert_eq!(record.position("srt"), Some(3), "added elements come last");
    assert_eq!(record.element("area").unwrap().domain(), None);
    assert!(above.domain("gend").unwrap().contains("M"));
    assert!(!above.domain("gend").unwrap().contains("1"), "a regional domain replaces");
}

#[test]
fn a_region_may_publish_what_was_only_named() {
    let catalog = Catalog::load(
        &files(&[("profiles/t/domains/admdvs.csv", "code,zh_name\n430100,长沙市\n")]),
        "t",
    );
    let catalog = catalog.unwrap();
    let area = catalog.entity("record").unwrap().element("area").unwrap();
    assert!(area.value_domain().unwrap().closed());
    assert_eq!(catalog.warnings(), []);
}

#[test]
fn damaged_files_never_panic_and_places_lie_inside_them() {
    let sound =
        files(&[("profiles/t/elements.csv", "entity,name,key,notes\nrecord,gend,,\"a, b\"\n")]);
    let paths: Vec<_> = sound.iter().map(|(path, _)| path.to_owned()).collect();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut below = |bound: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % 1_000_003).unwrap() % bound
    };
    let mut refused = 0;
    for _ in 0..4000 {
        let mut damaged = sound.clone();
        let path = paths.get(below(paths.len())).unwrap();
        let mut text: Vec<char> = damaged.get(path).unwrap().chars().collect();
        let place = below(text.len());
        match below(3) {
            0 => text.truncate(place),
            1 => drop(text.remove(place)),
            _ => text.insert(place, *b"\",\n\r|?-.[=\0x".map(char::from).get(below(12)).unwrap()),
        }
        damaged.insert(path.clone(), text.iter().collect::<String>());
        for problem in Catalog::load(&damaged, "t").err().unwrap_or_default() {
            let lines = damaged.get(&problem.file).map_or(1, |text| text.matches('\n').count() + 1);
            assert!((1..=lines).contains(&(problem.line as usize)), "{problem}");
            assert!(problem.column > 0, "{problem}");
            refused += 1;
        }
    }
    assert!(refused > 1000, "the damage must matter: {refused}");
}

/// The small dictionary with some of its files replaced; `expected` is every problem, a line each.
#[track_caller]
fn check(replaced: &[(&str, &str)], expected: &str) {
    let actual = match Catalog::load(&files(replaced), "t") {
        Ok(_) => String::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    assert_eq!(actual, expected);
}

fn files(replaced: &[(&str, &str)]) -> Files {
    let record = format!(
        "{HEADER}rxno,处方号,C..30,Y,,y,y,from 1\ngend,性别,C..1,N,gend,n,y,\narea,区划,C6,N,?admdvs,n,y,\n"
    );
    let mut files: Files = [
        ("catalog.toml", "name = \"t\"\nversion = \"1\"\n"),
        ("entities.csv", "entity,zh_name,what\nrecord,记录,a record\n"),
        ("entities/record.csv", &record),
        ("domains/gend.csv", "code,zh_name\n1,男\n2,女\n"),
        ("profiles/t/profile.toml", "name = \"t\"\nzh_name = \"试\"\nwhat = \"a test\"\n"),
    ]
    .into_iter()
    .collect();
    for (path, text) in replaced {
        files.insert(*path, *text);
    }
    files
}
