//! Medians, and figures beside what they should be.

use super::load::Seen;

/// What one way showed, round by round.
#[derive(Debug, Default, Clone)]
pub struct Rounds {
    /// What the load saw.
    pub seen: Vec<Seen>,
    /// Processor time of the process in front, in microseconds a call.
    pub cpu: Vec<f64>,
}

impl Rounds {
    /// The median of one of the figures.
    pub fn median(&self, figure: impl Fn(&Seen) -> f64) -> f64 {
        median(self.seen.iter().map(figure).collect())
    }

    /// The median of the processor time, in microseconds a call.
    pub fn cpu(&self) -> f64 {
        median(self.cpu.clone())
    }

    /// The median over the rounds of this way's rate as a share of the other's in the same round.
    pub fn share_of(&self, other: &Self) -> f64 {
        let pairs = self.seen.iter().zip(&other.seen);
        median(pairs.map(|(own, other)| own.rate / other.rate).collect())
    }
}

/// The middle one, or the mean of the two in the middle.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let (left, right) = (figures.get(middle.saturating_sub(1)), figures.get(middle));
    match (left, right) {
        (Some(left), Some(right)) if figures.len().is_multiple_of(2) => f64::midpoint(*left, *right),
        (_, Some(right)) => *right,
        _ => f64::NAN,
    }
}

/// A figure and its aim.
pub struct Aim {
    /// What is measured.
    pub what: &'static str,
    /// What was seen.
    pub seen: f64,
    /// What it should be.
    pub aim: Bound,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// No less.
    AtLeast(f64),
    /// No more.
    AtMost(f64),
}

impl Aim {
    /// Whether it is met.
    pub fn is_met(&self) -> bool {
        match self.aim {
            Bound::AtLeast(least) => self.seen >= least,
            Bound::AtMost(most) => self.seen <= most,
        }
    }

    /// One line of the table.
    pub fn line(&self) -> String {
        let aim = match self.aim {
            Bound::AtLeast(least) => format!("≥ {least}"),
            Bound::AtMost(most) => format!("≤ {most}"),
        };
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        format!("  {:<64} {:>8.2}   {aim:<8} {verdict}", self.what, self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_what_counts() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 9.0]) - 3.0).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
        let aim = |seen, aim| Aim { what: "", seen, aim }.is_met();
        assert!(aim(0.5, Bound::AtLeast(0.5)) && !aim(0.4, Bound::AtLeast(0.5)));
        assert!(aim(0.4, Bound::AtMost(0.4)) && !aim(0.5, Bound::AtMost(0.4)) && !aim(f64::NAN, Bound::AtMost(0.4)));
    }
}
