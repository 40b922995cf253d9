//! One order as the model has it: lines with a number on each, and a mark per station.

use std::collections::BTreeMap;

/// Grill, fry, bar; where there is one, expo.
pub const EXPO: usize = 3;
/// Burger (grill; with an egg also fry), fries (fry), beer (bar), and what each costs.
const DISHES: [(usize, i64); 3] = [(0, 1200), (1, 400), (2, 600)];
const EGG: i64 = 150;

/// How far a station is with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// 0 new, 1 started, 2 done.
    pub stage: u8,
    /// The guest's allergies were noted.
    pub noted: bool,
    /// When it was done.
    pub done: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub id: u32,
    pub dish: usize,
    pub egg: bool,
    pub allergy: bool,
    pub quantity: i32,
    pub taken_back: i32,
    pub course: i32,
    pub live: bool,
    pub fired: bool,
    pub out: Option<u64>,
    pub marks: BTreeMap<usize, Mark>,
}

#[derive(Debug, Clone, Default)]
pub struct Order {
    pub lines: Vec<Line>,
    /// Whether each known course waits.
    pub courses: BTreeMap<i32, bool>,
    pub voided: bool,
    pub merged: bool,
    pub version: i64,
}

/// One line as anybody sees it: id, quantity, taken back, live, fired, handed out, price of one, and per station (stage, noted).
pub type LineSeen = (u32, i32, i32, bool, bool, bool, i64, Vec<(usize, u8, bool)>);
/// One order: status, total, version, lines, courses with whether they wait.
pub type OrderSeen = (&'static str, i64, i64, Vec<LineSeen>, Vec<(i32, bool)>);

impl Line {
    pub fn new(id: u32, dish: usize, quantity: i32, course: i32, egg: bool, allergy: bool) -> Self {
        let mut line = Self {
            id,
            dish,
            egg,
            allergy,
            quantity,
            taken_back: 0,
            course,
            live: true,
            fired: false,
            out: None,
            marks: BTreeMap::new(),
        };
        line.route();
        line
    }

    /// Stations that have begun stay; the others are those that the dish needs now.
    pub fn route(&mut self) {
        let needed = [Some(DISHES[self.dish].0), self.egg.then_some(1)];
        self.marks
            .retain(|station, mark| needed.contains(&Some(*station)) || mark.stage > 0);
        for station in needed.into_iter().flatten() {
            self.marks.entry(station).or_default();
        }
    }

    pub fn price(&self) -> i64 {
        DISHES[self.dish].1 + if self.egg { EGG } else { 0 }
    }

    pub fn made(&self) -> bool {
        self.marks.values().all(|mark| mark.stage == 2)
    }

    pub fn touched(&self) -> bool {
        self.out.is_some() || self.marks.values().any(|mark| mark.stage > 0)
    }

    pub fn must_note(&self, mark: &Mark) -> bool {
        self.live && self.allergy && mark.stage < 2 && !mark.noted
    }

    pub fn finish(&mut self, station: usize, now: u64) {
        if let Some(mark) = self.marks.get_mut(&station).filter(|mark| mark.stage < 2) {
            (mark.stage, mark.done) = (2, Some(now));
        }
    }

    pub fn done_at(&self, station: usize) -> Option<u64> {
        if station == EXPO {
            self.out
        } else {
            self.marks.get(&station).and_then(|mark| mark.done)
        }
    }

    pub fn call_back(&mut self, station: usize) {
        if let Some(mark) = self.marks.get_mut(&station).filter(|mark| mark.stage == 2) {
            (mark.stage, mark.done) = (1, None);
        }
        self.out = None;
    }
}

impl Order {
    pub fn standing(&self) -> bool {
        !self.voided && (self.lines.iter().any(|line| line.live) || (self.lines.is_empty() && !self.merged))
    }

    pub fn waits(&self, course: i32) -> bool {
        self.courses.get(&course) == Some(&true)
    }

    pub fn put(&mut self, mut line: Line, moved: bool) {
        if line.course > 0 && !self.courses.contains_key(&line.course) {
            self.courses.insert(line.course, moved && !line.fired);
        }
        line.fired |= !self.waits(line.course);
        self.lines.push(line);
    }

    pub fn status(&self) -> &'static str {
        let mut live = self.lines.iter().filter(|line| line.live);
        if !self.standing() {
            "VOIDED"
        } else if self.lines.is_empty() {
            "PLACED"
        } else if live.clone().all(|line| line.out.is_some()) {
            "FULFILLED"
        } else if live
            .clone()
            .all(|line| line.out.is_some() || (line.fired && line.made()))
        {
            "READY"
        } else if live.any(Line::touched) {
            "IN_PROGRESS"
        } else {
            "PLACED"
        }
    }

    pub fn seen(&self) -> OrderSeen {
        let line = |line: &Line| {
            let marks = line
                .marks
                .iter()
                .map(|(station, mark)| (*station, mark.stage, mark.noted));
            let Line {
                id,
                quantity,
                taken_back,
                live,
                fired,
                out,
                ..
            } = *line;
            (
                id,
                quantity,
                taken_back,
                live,
                fired,
                out.is_some(),
                line.price(),
                marks.collect(),
            )
        };
        let total = self
            .lines
            .iter()
            .filter(|line| line.live)
            .map(|line| line.price() * i64::from(line.quantity));
        let courses = self.courses.iter().map(|(number, waits)| (*number, *waits)).collect();
        (
            self.status(),
            total.sum(),
            self.version,
            self.lines.iter().map(line).collect(),
            courses,
        )
    }
}
