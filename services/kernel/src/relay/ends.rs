//! What a caller's relay has of HTTP/2: the stream that questions go up and answers come down.

use std::task::{Context, Poll};

use bytes::Bytes;
use h2::{RecvStream, SendStream};

use super::caller::Calls;
use super::wire::{Frames, Garbled};

/// Both ends of the stream that the calls share. Whoever moves the connection moves them.
pub(crate) struct Ends {
    calls: Calls,
    questions: SendStream<Bytes>,
    answers: RecvStream,
    frames: Frames,
    said_all: bool,
}

impl Ends {
    pub(crate) fn new(questions: SendStream<Bytes>, answers: RecvStream) -> Self {
        Self {
            calls: Calls::default(),
            questions,
            answers,
            frames: Frames::default(),
            said_all: false,
        }
    }

    /// The calls that go this way.
    pub(crate) fn calls(&self) -> Calls {
        self.calls.clone()
    }

    /// Takes in what has come and sends what is to be sent. Ready when the relay is over.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.poll_answers(context) {
            Poll::Pending => self.poll_questions(context).map(|_| ()),
            Poll::Ready(_) => Poll::Ready(()),
        }
    }

    fn poll_answers(&mut self, context: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            let Poll::Ready(came) = self.answers.poll_data(context) else {
                return Poll::Pending;
            };
            let Some(data) = came.transpose()? else {
                return Poll::Ready(Ok(()));
            };
            self.answers.flow_control().release_capacity(data.len())?;
            self.frames.take(&data);
            if self.take_frames().is_err() {
                tracing::warn!("a role's relay is not to be understood; its connection is given up");
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn take_frames(&mut self) -> Result<(), Garbled> {
        let mut state = self.calls.state();
        while let Some((call, frame)) = self.frames.next()? {
            state.take(call, frame)?;
        }
        Ok(())
    }

    fn poll_questions(&mut self, context: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let mut state = self.calls.state();
        while !state.out.is_empty() {
            self.questions.reserve_capacity(state.out.len());
            let mut room = self.questions.capacity();
            if room == 0 {
                match self.questions.poll_capacity(context) {
                    Poll::Pending => break,
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Ready(Some(more)) => room = more?,
                }
            }
            let length = room.min(state.out.len());
            let part = state.out.split_to(length).freeze();
            self.questions.send_data(part, false)?;
        }
        if state.leaves && !self.said_all && state.asked.is_empty() && state.out.is_empty() {
            self.said_all = true;
            self.questions.send_data(Bytes::new(), true)?;
        }
        state.sender = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.calls.lose();
    }
}
