//! Two orders at two tables, and what each command makes of them, or why it is refused.

use crate::lines::{EXPO, Line, Mark, Order, OrderSeen};
use crate::reference::Does;

#[derive(Debug, Clone)]
pub struct Tables {
    pub orders: [Order; 2],
    pub with_expo: bool,
    /// Events so far; each takes a second.
    pub clock: u64,
    /// Commands so far; each may make one line.
    pub made: u32,
}

/// Done, or the reason of the refusal.
pub type Outcome = Result<(), &'static str>;

impl Tables {
    pub fn seen(&self) -> [OrderSeen; 2] {
        [self.orders[0].seen(), self.orders[1].seen()]
    }

    /// An event happens to an order.
    pub fn tick(&mut self, table: usize) -> u64 {
        self.clock += 1;
        self.orders[table].version += 1;
        self.clock
    }

    /// Does it, or says why not.
    pub fn run(&mut self, table: usize, does: &Does) -> Outcome {
        self.made += 1;
        match *does {
            Does::Add {
                dish,
                quantity,
                course,
                egg,
                allergy,
            } => {
                self.must_stand(table)?;
                let line = Line::new(self.made, dish, quantity, course, egg && dish == 0, allergy);
                self.tick(table);
                self.orders[table].put(line, false);
                Ok(())
            }
            Does::Quantity { line, quantity } => self.quantity(table, line, quantity),
            Does::Egg { line, on } => self.egg(table, line, on),
            Does::Void { line, quantity } => self.void(table, line, quantity),
            Does::VoidAll => self.void_all(table),
            Does::Hold(course) => self.hold(table, course),
            Does::Fire(course) => self.fire(table, course),
            Does::Start { line, station } => self.start(table, line, station),
            Does::Note { line, station } => self.note(table, line, station),
            Does::Bump { line, station: EXPO } if self.with_expo => self.hand_out(table, line, false),
            Does::Bump { line, station } => self.bump(table, line, station),
            Does::Unbump { line, station } => self.unbump(table, line, station),
            Does::Recall { station } => self.recall(table, station),
            Does::HandOut { line, force } => self.hand_out(table, line, force),
            Does::Move { line, quantity } => self.move_line(table, line, quantity),
        }
    }

    fn must_stand(&self, table: usize) -> Outcome {
        if self.orders[table].standing() {
            Ok(())
        } else {
            Err("ORDER_VOIDED")
        }
    }

    fn line(&self, table: usize, line: usize) -> Result<Line, &'static str> {
        self.orders[table].lines.get(line).cloned().ok_or("ITEM_NOT_FOUND")
    }

    fn mark(&self, table: usize, line: usize, station: usize) -> Result<(Line, Mark), &'static str> {
        let line = self.line(table, line)?;
        let mark = line.marks.get(&station).copied();
        mark.map(|mark| (line, mark)).ok_or("ITEM_NOT_AT_STATION")
    }

    fn mark_mut(&mut self, table: usize, line: usize, station: usize) -> &mut Mark {
        self.orders[table].lines[line].marks.get_mut(&station).unwrap()
    }

    fn quantity(&mut self, table: usize, place: usize, quantity: i32) -> Outcome {
        self.must_stand(table)?;
        let old = self.line(table, place)?;
        if !old.live {
            return Err("ITEM_VOIDED");
        }
        if quantity < old.quantity && old.touched() {
            return Err("ITEM_STARTED");
        }
        if quantity == old.quantity {
            return Ok(());
        }
        self.tick(table);
        if quantity > old.quantity {
            let more = quantity - old.quantity;
            let more = Line::new(self.made, old.dish, more, old.course, old.egg, old.allergy);
            self.orders[table].put(more, false);
        } else {
            let line = &mut self.orders[table].lines[place];
            line.taken_back += line.quantity - quantity;
            line.quantity = quantity;
        }
        Ok(())
    }

    fn egg(&mut self, table: usize, place: usize, on: bool) -> Outcome {
        self.must_stand(table)?;
        let old = self.line(table, place)?;
        if !old.live {
            return Err("ITEM_VOIDED");
        }
        if old.egg == on {
            return Ok(());
        }
        if old.dish != 0 {
            return Err("MODIFIER_NOT_OFFERED");
        }
        if old.made() || old.out.is_some() {
            return Err("ITEM_ALREADY_MADE");
        }
        self.tick(table);
        let line = &mut self.orders[table].lines[place];
        line.egg = on;
        line.route();
        // Another thing is in it: who has not made it yet must look again.
        let undone = line.marks.values_mut().filter(|mark| mark.stage < 2);
        undone.for_each(|mark| mark.noted = false);
        Ok(())
    }

    fn void(&mut self, table: usize, place: usize, quantity: i32) -> Outcome {
        let old = self.line(table, place)?;
        if quantity > old.quantity {
            return Err("MORE_THAN_THERE_IS");
        }
        if old.live {
            self.tick(table);
            let line = &mut self.orders[table].lines[place];
            if quantity == 0 || quantity == line.quantity {
                line.live = false;
            } else {
                line.quantity -= quantity;
                line.taken_back += quantity;
            }
        }
        Ok(())
    }

    fn void_all(&mut self, table: usize) -> Outcome {
        if !self.orders[table].voided {
            self.tick(table);
            self.orders[table].voided = true;
            self.orders[table].lines.iter_mut().for_each(|line| line.live = false);
        }
        Ok(())
    }

    fn hold(&mut self, table: usize, course: i32) -> Outcome {
        self.must_stand(table)?;
        let order = &self.orders[table];
        let begun = |line: &Line| line.live && line.course == course && line.touched();
        if order.lines.iter().any(begun) {
            return Err("COURSE_STARTED");
        }
        if !order.waits(course) {
            self.send(table, course, false);
        }
        Ok(())
    }

    fn fire(&mut self, table: usize, course: i32) -> Outcome {
        self.must_stand(table)?;
        if !self.orders[table].courses.contains_key(&course) {
            return Err("COURSE_NOT_FOUND");
        }
        if self.orders[table].waits(course) {
            self.send(table, course, true);
        }
        Ok(())
    }

    fn send(&mut self, table: usize, course: i32, fired: bool) {
        self.tick(table);
        let order = &mut self.orders[table];
        order.courses.insert(course, !fired);
        let of_course = order.lines.iter_mut().filter(|line| line.live && line.course == course);
        of_course.for_each(|line| line.fired = fired);
    }

    fn start(&mut self, table: usize, line: usize, station: usize) -> Outcome {
        let (old, mark) = self.mark(table, line, station)?;
        if old.live && mark.stage == 0 {
            self.tick(table);
            self.mark_mut(table, line, station).stage = 1;
        }
        Ok(())
    }

    fn note(&mut self, table: usize, line: usize, station: usize) -> Outcome {
        let (old, mark) = self.mark(table, line, station)?;
        if old.must_note(&mark) {
            self.tick(table);
            self.mark_mut(table, line, station).noted = true;
        }
        Ok(())
    }

    fn bump(&mut self, table: usize, line: usize, station: usize) -> Outcome {
        let (old, mark) = self.mark(table, line, station)?;
        if old.must_note(&mark) {
            return Err("ALLERGY_NOT_ACKNOWLEDGED");
        }
        if mark.stage == 2 {
            return Ok(());
        }
        let now = self.tick(table);
        self.orders[table].lines[line].finish(station, now);
        // Where there is no expo, what is made is handed out by its last station.
        let ready = |line: &Line| line.live && line.out.is_none() && line.made();
        if !self.with_expo && self.orders[table].lines.iter().any(ready) {
            let now = self.tick(table);
            let lines = self.orders[table].lines.iter_mut();
            lines.filter(|line| ready(line)).for_each(|line| line.out = Some(now));
        }
        Ok(())
    }

    fn unbump(&mut self, table: usize, line: usize, station: usize) -> Outcome {
        let expo = station == EXPO && self.with_expo;
        let old = if expo {
            self.line(table, line)?
        } else {
            self.mark(table, line, station)?.0
        };
        if old.done_at(station).is_some() {
            self.tick(table);
            self.orders[table].lines[line].call_back(station);
        }
        Ok(())
    }

    fn recall(&mut self, table: usize, station: usize) -> Outcome {
        let expo = station == EXPO && self.with_expo;
        let here = |line: &Line| line.fired && (expo || line.marks.contains_key(&station));
        let lines = self.orders[table].lines.iter().filter(|line| here(line));
        let done: Vec<Option<u64>> = lines.map(|line| line.done_at(station)).collect();
        let last = done.iter().max().copied().ok_or("TICKET_NOT_FOUND")?;
        if done.iter().all(Option::is_some) {
            self.tick(table);
            let lines = self.orders[table].lines.iter_mut();
            let bumped_last = lines.filter(|line| here(line) && line.done_at(station) == last);
            bumped_last.for_each(|line| line.call_back(station));
        }
        Ok(())
    }

    fn hand_out(&mut self, table: usize, place: usize, force: bool) -> Outcome {
        let old = self.line(table, place)?;
        if old.out.is_some() {
            return Ok(());
        }
        let early = old.live && (!old.fired || !old.made());
        if early && !force {
            return Err("ORDER_NOT_READY");
        }
        if old.marks.values().any(|mark| old.must_note(mark)) {
            return Err("ALLERGY_NOT_ACKNOWLEDGED");
        }
        let now = self.tick(table);
        let line = &mut self.orders[table].lines[place];
        if early {
            (0..EXPO).for_each(|station| line.finish(station, now));
            line.fired = true;
        }
        line.out = Some(now);
        Ok(())
    }

    fn move_line(&mut self, table: usize, place: usize, quantity: i32) -> Outcome {
        self.must_stand(table)?;
        self.must_stand(1 - table)?;
        let old = self.line(table, place)?;
        if quantity > old.quantity {
            return Err("MORE_THAN_THERE_IS");
        }
        if !old.live {
            return Err("ITEM_VOIDED");
        }
        self.tick(table);
        self.tick(1 - table);
        let from = &mut self.orders[table];
        let arriving = if quantity == 0 || quantity == old.quantity {
            from.lines.remove(place)
        } else {
            from.lines[place].quantity -= quantity;
            Line {
                id: self.made,
                quantity,
                taken_back: 0,
                ..old
            }
        };
        from.merged |= !from.lines.iter().any(|line| line.live);
        self.orders[1 - table].put(arriving, true);
        self.orders[1 - table].merged = false;
        Ok(())
    }
}
