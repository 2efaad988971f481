//! The requests of `compat/connect/requests.txt`.

use anyhow::{Context, Result, bail};

/// One line of the script.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Something to ask, and to compare the answers to.
    Ask(Request),
    /// Something to wait for: the path of a GET, a pointer into its answer, the value there.
    Wait(String, String, String),
    /// Everything asked so far is to be done first.
    Settle,
}

/// A request; `SIDE` and `DIR` stand for what each side has its own of.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// What the lines around it are about.
    pub(crate) about: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    /// How often the same request was sent before.
    pub(crate) earlier: usize,
}

impl Request {
    /// Returns the request in one line, as reasons and the list of differences name it.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} {}", self.method, self.path);
        if let Some(body) = &self.body {
            line.push_str(&format!(" {body}"));
        }
        for (name, value) in &self.headers {
            line.push_str(&format!(" [{name}: {value}]"));
        }
        if self.earlier > 0 {
            line.push_str(&format!(" (again, {})", self.about));
        }
        line
    }
}

/// Reads the script.
pub(crate) fn read() -> Result<Vec<Step>> {
    let (mut steps, mut about) = (Vec::new(), String::new());
    let mut seen: Vec<String> = Vec::new();
    for (number, line) in include_str!("../../compat/connect/requests.txt")
        .lines()
        .enumerate()
    {
        let wrong = || format!("requests.txt, line {}: {line}", number + 1);
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        match words[..] {
            [""] | ["#", ..] => {}
            ["settle"] => steps.push(Step::Settle),
            ["==", ..] => about = line[3..].to_owned(),
            ["", "", header] => {
                let Some(Step::Ask(request)) = steps.last_mut() else {
                    bail!("{}: no request before it", wrong());
                };
                let (name, value) = header.split_once(':').with_context(wrong)?;
                let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
                request.headers.push((name, value));
            }
            ["wait", path, rest] => {
                let (pointer, value) = rest.split_once(' ').with_context(wrong)?;
                let (pointer, value) = (pointer.to_owned(), value.to_owned());
                steps.push(Step::Wait(path.to_owned(), pointer, value));
            }
            [method, path, ..] => {
                steps.push(Step::Ask(Request {
                    about: about.clone(),
                    method: method.to_owned(),
                    path: path.to_owned(),
                    body: words.get(2).map(|body| (*body).to_owned()),
                    headers: Vec::new(),
                    earlier: 0,
                }));
            }
            _ => bail!(wrong()),
        }
    }
    for step in &mut steps {
        if let Step::Ask(request) = step {
            let line = request.line();
            request.earlier = seen.iter().filter(|other| **other == line).count();
            seen.push(line);
        }
    }
    Ok(steps)
}
