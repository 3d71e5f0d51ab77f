//! Spans as a tree.

use std::collections::{HashMap, HashSet};

use super::Span;

/// A span with its depth, in the order of drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node<'s> {
    pub(super) span: &'s Span,
    pub(super) depth: usize,
    /// How many like siblings this one stands for; 1 for itself alone.
    pub(super) count: usize,
}

/// Tells whether every parent has arrived and there is one root.
pub(super) fn is_whole(spans: &[Span]) -> bool {
    let ids: HashSet<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let roots = spans.iter().filter(|span| !ids.contains(span.parent_span_id.as_str())).count();
    roots == 1
}

/// Orders spans depth first, siblings by start; a span whose parent is not there counts as a root.
///
/// With a bound on the lines, siblings of one name are folded into the slowest of them, deepest levels first, until the
/// tree fits.
pub(super) fn flatten(spans: &[Span], max_lines: usize) -> Vec<Node<'_>> {
    let ids: HashSet<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let mut children: HashMap<&str, Vec<&Span>> = HashMap::new();
    for span in spans {
        let parent = span.parent_span_id.as_str();
        let parent = if ids.contains(parent) && parent != span.span_id { parent } else { "" };
        children.entry(parent).or_default().push(span);
    }
    let whole = walk(&children, usize::MAX);
    if max_lines == 0 || whole.len() <= max_lines {
        return whole;
    }
    let deepest = whole.iter().map(|node| node.depth).max().unwrap_or(0);
    let folded_from = (1..=deepest).rev().map(|depth| walk(&children, depth)).find(|nodes| nodes.len() <= max_lines);
    folded_from.unwrap_or_else(|| walk(&children, 1))
}

/// Walks the tree; from `fold_from` on, like siblings are folded.
fn walk<'s>(children: &HashMap<&str, Vec<&'s Span>>, fold_from: usize) -> Vec<Node<'s>> {
    let mut nodes = Vec::new();
    let mut seen = HashSet::new();
    let mut stack: Vec<Node<'s>> = siblings(children, "", 0, fold_from);
    stack.reverse();
    while let Some(node) = stack.pop() {
        // A parent that is its own descendant is hostile or broken; each span is drawn once.
        if !seen.insert(node.span.span_id.as_str()) {
            continue;
        }
        nodes.push(node);
        let mut next = siblings(children, &node.span.span_id, node.depth + 1, fold_from);
        next.reverse();
        stack.extend(next);
    }
    nodes
}

fn siblings<'s>(
    children: &HashMap<&str, Vec<&'s Span>>,
    parent: &str,
    depth: usize,
    fold_from: usize,
) -> Vec<Node<'s>> {
    let mut spans: Vec<&'s Span> = children.get(parent).cloned().unwrap_or_default();
    spans.sort_by_key(|span| (span.start_ns, span.span_id.clone()));
    if depth < fold_from {
        return spans.into_iter().map(|span| Node { span, depth, count: 1 }).collect();
    }
    let mut nodes: Vec<Node<'s>> = Vec::new();
    for span in spans {
        let like = nodes.iter_mut().find(|node| node.span.name == span.name && node.span.service == span.service);
        match like {
            None => nodes.push(Node { span, depth, count: 1 }),
            Some(node) => {
                node.count += 1;
                // The one that failed, else the slowest, is what a person looks for.
                let rank = |span: &Span| (span.status == "Error", span.duration_ns);
                if rank(span) > rank(node.span) {
                    node.span = span;
                }
            }
        }
    }
    nodes
}
