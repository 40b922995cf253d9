use proptest::prelude::*;

use super::*;

const OWN: [&str; 3] = ["Maple Grill", "maple-grill", "Anna Kowalska"];

#[test]
fn table_of_refused() {
    use Weakness::{TooCommon, TooLong, TooPersonal, TooShort};
    let table: Vec<(String, Weakness)> = [
        ("", TooShort),
        ("short", TooShort),
        ("14characters!!", TooShort),
        ("Tr0ub4dor&3", TooShort),
        ("ŻółćŻółćŻółćŻó", TooShort),
        ("👩‍🍳👩‍🍳", TooShort),
        ("aaaaaaaaaaaaaaa", TooCommon),
        ("               ", TooCommon),
        ("abababababababab", TooCommon),
        ("abcabcabcabcabcabc", TooCommon),
        ("xk7xk7xk7xk7xk7xk7", TooCommon),
        ("123456789012345", TooCommon),
        ("1234567890123456789", TooCommon),
        ("987654321098765", TooCommon),
        ("abcdefghijklmnop", TooCommon),
        ("qwertyuiopasdfgh", TooCommon),
        ("1q2w3e4r5t6y7u8i", TooCommon),
        ("1qaz2wsx3edc4rfv", TooCommon),
        ("zaq12wsxzaq12wsx", TooCommon),
        ("passwordpassword", TooCommon),
        ("Password12345678", TooCommon),
        ("P@ssw0rdP@ssw0rd", TooCommon),
        ("P@$$w0rd1234567!", TooCommon),
        ("password password", TooCommon),
        ("passwordpasswordpasswordpassword", TooCommon),
        ("iloveyouiloveyou", TooCommon),
        ("letmeinletmein123", TooCommon),
        ("welcomewelcome2026", TooCommon),
        ("Summer2026Summer2026", TooCommon),
        ("correcthorsebatterystaple", TooCommon),
        ("CorrectHorseBatteryStaple", TooCommon),
        ("thequickbrownfox1", TooCommon),
        ("qwertyqwertyqwerty", TooCommon),
        ("adminadminadmin1", TooCommon),
        ("changeme1234567890", TooCommon),
        ("пароль123456789", TooCommon),
        ("hasłohasłohasło", TooCommon),
        ("motdepasse12345678", TooCommon),
        ("000000000000000000", TooCommon),
        ("20262025202420232022", TooCommon),
        ("maplegrillmaplegrill", TooPersonal),
        ("MapleGrill2026!!", TooPersonal),
        ("Maple Grill 123456", TooPersonal),
        ("annakowalska1234", TooPersonal),
        ("Anna Kowalska 2026", TooPersonal),
        ("m4ple gr1ll m4ple", TooPersonal),
        ("ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ", TooCommon),
    ]
    .into_iter()
    .map(|(text, weakness)| (text.to_owned(), weakness))
    .chain([
        ("x".repeat(1025), TooLong),
        ("ﷺ".repeat(300), TooLong),
        ("a".repeat(1024), TooCommon),
    ])
    .collect();
    for (password, weakness) in table {
        assert_eq!(accept(&password, &OWN), Err(weakness), "{password:?}");
    }
}

#[test]
fn table_of_accepted() {
    let table = [
        "four unrelated kettles hum",
        "mokra ławka i trzy rowery",
        "なつのよるにほたるがとぶよね静",
        "gulfwobbleteapotnine",
        "vT9#kq2Lm8zR4xw",
        "lazy otters juggle",
        "my dentist owns 3 boats",
        "ein Igel fährt Straßenbahn",
        "the maple behind our grill hums softly",
        "love monkeys in velvet hats",
        "        spaces are characters        ",
        "Ωμέγα και άλφα μαζί",
        "🦊🐻🦁🐯🐨🐼🐸🐵🦄🐙🦉🦋🐢🐬🦔",
    ];
    for password in table {
        assert!(
            accept(password, &OWN).is_ok(),
            "{password:?}: {:?}",
            accept(password, &OWN)
        );
    }
    let long: String = "reef onyx vial ".repeat(4);
    assert!(accept(&format!("{long}{}", "zebra lamp quartz ".repeat(50)), &OWN).is_ok());
}

#[test]
fn typed_differently_but_equal() {
    let composed = accept("zażółć gęślą jaźń", &[]).unwrap();
    let decomposed: String = "zażółć gęślą jaźń".nfd().collect();
    assert_ne!(decomposed, "zażółć gęślą jaźń");
    assert_eq!(accept(&decomposed, &[]).unwrap(), composed);
    assert_eq!(normalise("ｆｕｌｌ"), normalise("full"));
}

#[test]
fn nothing_is_cut_off() {
    let base = "pelican dozing under quartz lamps ".repeat(20);
    assert_ne!(
        accept(&format!("{base}a"), &[]).unwrap(),
        accept(&format!("{base}b"), &[]).unwrap()
    );
}

proptest! {
    #[test]
    fn never_shorter_nor_longer_than_allowed(text in "\\PC{0,80}") {
        if let Ok(normal) = accept(&text, &OWN) {
            prop_assert!(normal.chars().count() >= MIN_LENGTH && normal.len() <= MAX_BYTES);
            prop_assert_eq!(normalise(&normal), Some(normal.clone()));
        }
    }

    #[test]
    fn random_letters_are_good(text in "[a-z]{20,40}") {
        let different: BTreeSet<char> = text.chars().collect();
        prop_assume!(different.len() >= 9);
        prop_assert!(accept(&text, &[]).is_ok(), "{}", text);
    }

    #[test]
    fn repetition_adds_nothing(block in "[a-z]{1,3}", times in 8_usize..40) {
        prop_assert_eq!(accept(&block.repeat(times), &[]).is_ok(), false);
    }
}
