//! Owns the split tree: where the panes of a tab lie. Pure: areas are recomputed at once from (tree, rectangle).
//! Leaves out what the panes show.

use ratatui::layout::Rect;

/// A pane of this client, for as long as it runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PaneId(pub u32);

/// How the children of a split lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dir {
    /// Side by side.
    Row,
    /// One above the other.
    Column,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Left,
    Right,
    Up,
    Down,
}

impl Way {
    fn dir(self) -> Dir {
        match self {
            Way::Left | Way::Right => Dir::Row,
            Way::Up | Way::Down => Dir::Column,
        }
    }
    fn forward(self) -> bool {
        matches!(self, Way::Right | Way::Down)
    }
}

/// The layouts `Space` goes through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Even {
    Horizontal,
    Vertical,
    MainHorizontal,
    MainVertical,
    Tiled,
}

impl Even {
    pub const ALL: [Even; 5] =
        [Even::Horizontal, Even::Vertical, Even::MainHorizontal, Even::MainVertical, Even::Tiled];
    pub fn name(self) -> &'static str {
        match self {
            Even::Horizontal => "even-horizontal",
            Even::Vertical => "even-vertical",
            Even::MainHorizontal => "main-horizontal",
            Even::MainVertical => "main-vertical",
            Even::Tiled => "tiled",
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub enum Node<T> {
    Leaf(T),
    Split { dir: Dir, children: Vec<Child<T>> },
}

/// A child has its part of the room: `weight` of the sum of all weights.
#[derive(Clone, PartialEq, Debug)]
pub struct Child<T> {
    pub weight: u32,
    pub node: Node<T>,
}

pub type Layout = Node<PaneId>;

/// A border that can be dragged: between child `index` and the next of the split at `path`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Border {
    pub path: Vec<usize>,
    pub index: usize,
    pub dir: Dir,
    /// The two lines of cells that lie against one another there.
    pub rect: Rect,
}

/// Room a pane should keep: a border each side and a cell between.
const LEAST: u16 = 3;

/// Divides `length` by weights; the parts add up to it. Every part keeps [`LEAST`] where there is room for that.
fn parts(length: u16, weights: &[u32]) -> Vec<u16> {
    let n = weights.len() as u64;
    if n == 0 {
        return Vec::new();
    }
    let sum: u64 = weights.iter().map(|w| u64::from(*w).max(1)).sum();
    let (mut out, mut acc, mut before) = (Vec::with_capacity(weights.len()), 0u64, 0u64);
    for w in weights {
        acc += u64::from(*w).max(1);
        let to = u64::from(length) * acc / sum;
        out.push((to - before) as u16);
        before = to;
    }
    let least = LEAST.min((u64::from(length) / n) as u16);
    for i in 0..out.len() {
        while out[i] < least {
            let Some(most) = (0..out.len()).max_by_key(|j| out[*j]) else { break };
            if out[most] <= least {
                break;
            }
            let give = (least - out[i]).min(out[most] - least);
            out[most] -= give;
            out[i] += give;
        }
    }
    out
}

fn cut(rect: Rect, dir: Dir, at: u16, len: u16) -> Rect {
    match dir {
        Dir::Row => Rect { x: rect.x + at, width: len, ..rect },
        Dir::Column => Rect { y: rect.y + at, height: len, ..rect },
    }
}

fn length(rect: Rect, dir: Dir) -> u16 {
    match dir {
        Dir::Row => rect.width,
        Dir::Column => rect.height,
    }
}

impl<T> Node<T> {
    /// The same tree with other leaves; a leaf that becomes `None` goes, and its neighbours take the room.
    pub fn map<U>(self, f: &mut impl FnMut(T) -> Option<U>) -> Option<Node<U>> {
        match self {
            Node::Leaf(t) => f(t).map(Node::Leaf),
            Node::Split { dir, children } => {
                let mut children: Vec<Child<U>> = children
                    .into_iter()
                    .filter_map(|c| Some(Child { weight: c.weight, node: c.node.map(f)? }))
                    .collect();
                match children.len() {
                    0 => None,
                    1 => children.pop().map(|c| c.node),
                    _ => Some(Node::Split { dir, children }),
                }
            }
        }
    }
}

impl Layout {
    pub fn panes(&self) -> Vec<PaneId> {
        let mut out = Vec::new();
        self.each(&mut |id| out.push(id));
        out
    }

    fn each(&self, f: &mut impl FnMut(PaneId)) {
        match self {
            Node::Leaf(id) => f(*id),
            Node::Split { children, .. } => children.iter().for_each(|c| c.node.each(f)),
        }
    }

    fn each_mut(&mut self, f: &mut impl FnMut(&mut PaneId)) {
        match self {
            Node::Leaf(id) => f(id),
            Node::Split { children, .. } => children.iter_mut().for_each(|c| c.node.each_mut(f)),
        }
    }

    /// Every pane's rectangle, border included, in the tree's order. Together they cover `rect`.
    pub fn areas(&self, rect: Rect) -> Vec<(PaneId, Rect)> {
        let mut out = Vec::new();
        self.place(rect, &mut out);
        out
    }

    fn place(&self, rect: Rect, out: &mut Vec<(PaneId, Rect)>) {
        match self {
            Node::Leaf(id) => out.push((*id, rect)),
            Node::Split { dir, children } => {
                let mut at = 0;
                for (child, len) in children.iter().zip(sizes(*dir, children, rect)) {
                    child.node.place(cut(rect, *dir, at, len), out);
                    at += len;
                }
            }
        }
    }

    pub fn borders(&self, rect: Rect) -> Vec<Border> {
        let mut out = Vec::new();
        self.edges(rect, &mut Vec::new(), &mut out);
        out
    }

    fn edges(&self, rect: Rect, path: &mut Vec<usize>, out: &mut Vec<Border>) {
        let Node::Split { dir, children } = self else { return };
        let mut at = 0;
        let count = children.len();
        for (index, (child, len)) in children.iter().zip(sizes(*dir, children, rect)).enumerate() {
            let here = cut(rect, *dir, at, len);
            path.push(index);
            child.node.edges(here, path, out);
            path.pop();
            at += len;
            if index + 1 < count && at > 0 {
                let whole = length(rect, *dir);
                let two = 2.min(whole - (at - 1));
                out.push(Border { path: path.clone(), index, dir: *dir, rect: cut(rect, *dir, at - 1, two) });
            }
        }
    }

    fn at_path(&mut self, path: &[usize]) -> Option<&mut Layout> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        match self {
            Node::Leaf(_) => None,
            Node::Split { children, .. } => children.get_mut(*first)?.node.at_path(rest),
        }
    }

    fn path_of(&self, pane: PaneId) -> Option<Vec<usize>> {
        match self {
            Node::Leaf(id) => (*id == pane).then(Vec::new),
            Node::Split { children, .. } => children.iter().enumerate().find_map(|(i, c)| {
                let mut path = c.node.path_of(pane)?;
                path.insert(0, i);
                Some(path)
            }),
        }
    }

    /// Puts `new` after `pane` (or before it), each taking half of the room.
    pub fn split(&mut self, pane: PaneId, dir: Dir, new: PaneId, before: bool) -> bool {
        match self {
            Node::Leaf(id) if *id == pane => {
                let (a, b) = if before { (new, pane) } else { (pane, new) };
                let child = |id| Child { weight: 1000, node: Node::Leaf(id) };
                *self = Node::Split { dir, children: vec![child(a), child(b)] };
                true
            }
            Node::Leaf(_) => false,
            Node::Split { dir: mine, children } => {
                if *mine == dir
                    && let Some(i) = children.iter().position(|c| matches!(c.node, Node::Leaf(id) if id == pane))
                {
                    // weights are doubled first, so that halves stay whole numbers
                    children.iter_mut().for_each(|c| c.weight = c.weight.clamp(1, 1 << 20) * 2);
                    let half = children[i].weight / 2;
                    children[i].weight = half;
                    let at = if before { i } else { i + 1 };
                    children.insert(at, Child { weight: half, node: Node::Leaf(new) });
                    return true;
                }
                children.iter_mut().any(|c| c.node.split(pane, dir, new, before))
            }
        }
    }

    /// Takes `pane` out; the neighbour before it (else after it) takes the room. `None` = it was the last one.
    pub fn remove(self, pane: PaneId) -> Option<Layout> {
        match self {
            Node::Leaf(id) => (id != pane).then_some(Node::Leaf(id)),
            Node::Split { dir, children } => {
                let mut kept: Vec<Child<PaneId>> = Vec::with_capacity(children.len());
                let mut owed = 0u32;
                for c in children {
                    match c.node.remove(pane) {
                        Some(node) => {
                            kept.push(Child { weight: c.weight.saturating_add(std::mem::take(&mut owed)), node });
                        }
                        None => match kept.last_mut() {
                            Some(before) => before.weight = before.weight.saturating_add(c.weight),
                            None => owed = c.weight,
                        },
                    }
                }
                match kept.len() {
                    0 => None,
                    1 => kept.pop().map(|c| c.node),
                    _ => Some(Node::Split { dir, children: kept }.flat()),
                }
            }
        }
    }

    /// A split directly inside a split of the same direction becomes part of it.
    fn flat(self) -> Layout {
        let Node::Split { dir, children } = self else { return self };
        let mut out = Vec::with_capacity(children.len());
        for c in children {
            match c.node {
                Node::Split { dir: inner, children: grand } if inner == dir => {
                    let sum: u64 = grand.iter().map(|g| u64::from(g.weight).max(1)).sum();
                    out.extend(grand.into_iter().map(|g| Child {
                        weight: ((u64::from(c.weight) * u64::from(g.weight).max(1) / sum) as u32).max(1),
                        node: g.node,
                    }));
                }
                node => out.push(Child { weight: c.weight, node }),
            }
        }
        Node::Split { dir, children: out }
    }

    /// Moves the border of `pane` that lies towards `way` (or, at the edge, the one behind it) by `by` cells.
    pub fn resize(&mut self, rect: Rect, pane: PaneId, way: Way, by: u16) -> bool {
        let Some(path) = self.path_of(pane) else { return false };
        for depth in (0..path.len()).rev() {
            let Some(Node::Split { dir, children }) = self.at_path(&path[..depth]) else { continue };
            if *dir != way.dir() || children.len() < 2 {
                continue;
            }
            let i = path[depth];
            let index = if i + 1 < children.len() { i } else { i - 1 };
            let by = i32::from(by);
            return self.drag(rect, &path[..depth], index, if way.forward() { by } else { -by });
        }
        false
    }

    /// Moves the border behind child `index` of the split at `path` by so many cells.
    pub fn drag(&mut self, rect: Rect, path: &[usize], index: usize, by: i32) -> bool {
        let Some(here) = self.rect_at(rect, path) else { return false };
        let Some(Node::Split { dir, children }) = self.at_path(path) else { return false };
        if index + 1 >= children.len() {
            return false;
        }
        let now = sizes(*dir, children, here);
        let (a, b) = (i32::from(now[index]), i32::from(now[index + 1]));
        let least = i32::from(LEAST).min((a + b) / 2);
        let to = (a + by).clamp(least, (a + b - least).max(least));
        if to == a {
            return false;
        }
        for (c, len) in children.iter_mut().zip(&now) {
            c.weight = u32::from(*len).max(1);
        }
        children[index].weight = to.max(1) as u32;
        children[index + 1].weight = (a + b - to).max(1) as u32;
        true
    }

    fn rect_at(&self, rect: Rect, path: &[usize]) -> Option<Rect> {
        let Some((first, rest)) = path.split_first() else { return Some(rect) };
        let Node::Split { dir, children } = self else { return None };
        let lens = sizes(*dir, children, rect);
        let at: u16 = lens.get(..*first)?.iter().sum();
        let len = *lens.get(*first)?;
        children.get(*first)?.node.rect_at(cut(rect, *dir, at, len), rest)
    }

    /// The pane next to `pane` that way: those that touch its edge and overlap it, the most recent first; around the
    /// edge of the screen where there is none. `rank`: how recently a pane had the focus, smaller is more recent.
    pub fn towards(&self, rect: Rect, pane: PaneId, way: Way, rank: impl Fn(PaneId) -> usize) -> Option<PaneId> {
        let areas = self.areas(rect);
        let from = areas.iter().find(|(id, _)| *id == pane)?.1;
        let overlap = |r: Rect| match way.dir() {
            Dir::Row => from.y < r.bottom() && r.y < from.bottom(),
            Dir::Column => from.x < r.right() && r.x < from.right(),
        };
        let touches = |r: Rect, wrapped: bool| match (way, wrapped) {
            (Way::Left, false) => r.right() == from.x,
            (Way::Right, false) => r.x == from.right(),
            (Way::Up, false) => r.bottom() == from.y,
            (Way::Down, false) => r.y == from.bottom(),
            (Way::Left, true) => r.right() == rect.right(),
            (Way::Right, true) => r.x == rect.x,
            (Way::Up, true) => r.bottom() == rect.bottom(),
            (Way::Down, true) => r.y == rect.y,
        };
        [false, true].into_iter().find_map(|wrapped| {
            areas
                .iter()
                .filter(|(id, r)| *id != pane && overlap(*r) && touches(*r, wrapped))
                .min_by_key(|(id, _)| rank(*id))
                .map(|(id, _)| *id)
        })
    }

    pub fn swap(&mut self, a: PaneId, b: PaneId) {
        self.each_mut(&mut |id| {
            if *id == a {
                *id = b;
            } else if *id == b {
                *id = a;
            }
        });
    }

    /// Every pane moves on to the next place, the last one to the first.
    pub fn rotate(&mut self) {
        let mut ids = self.panes();
        ids.rotate_right(1);
        let mut next = ids.into_iter();
        self.each_mut(&mut |id| *id = next.next().unwrap_or(*id));
    }

    /// The splits stay; their children get the same room.
    pub fn even_out(&mut self) {
        if let Node::Split { children, .. } = self {
            for c in children {
                c.weight = 1000;
                c.node.even_out();
            }
        }
    }

    /// The same panes, arranged anew.
    pub fn arrange(&self, how: Even) -> Layout {
        let ids = self.panes();
        let leaf = |id: PaneId| Node::Leaf(id);
        match how {
            Even::Horizontal => even(Dir::Row, ids.into_iter().map(leaf).collect()),
            Even::Vertical => even(Dir::Column, ids.into_iter().map(leaf).collect()),
            Even::MainHorizontal | Even::MainVertical => {
                let (main, others) =
                    if how == Even::MainHorizontal { (Dir::Column, Dir::Row) } else { (Dir::Row, Dir::Column) };
                let mut nodes = ids.into_iter().map(leaf);
                let first = nodes.next().into_iter();
                let rest: Vec<Layout> = nodes.collect();
                if rest.is_empty() {
                    even(main, first.collect())
                } else {
                    even(main, first.chain([even(others, rest)]).collect())
                }
            }
            Even::Tiled => {
                let cols = (1..).find(|c| c * c >= ids.len()).unwrap_or(1);
                let rows = ids.chunks(cols).map(|row| even(Dir::Row, row.iter().copied().map(leaf).collect()));
                even(Dir::Column, rows.collect())
            }
        }
    }
}

fn even(dir: Dir, mut nodes: Vec<Layout>) -> Layout {
    if nodes.len() == 1
        && let Some(one) = nodes.pop()
    {
        return one;
    }
    Node::Split { dir, children: nodes.into_iter().map(|node| Child { weight: 1000, node }).collect() }
}

fn sizes<T>(dir: Dir, children: &[Child<T>], rect: Rect) -> Vec<u16> {
    let weights: Vec<u32> = children.iter().map(|c| c.weight).collect();
    parts(length(rect, dir), &weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECT: Rect = Rect { x: 0, y: 0, width: 80, height: 24 };
    fn p(n: u32) -> PaneId {
        PaneId(n)
    }
    fn three() -> Layout {
        // 1 | 2 over 3
        let mut l = Node::Leaf(p(1));
        assert!(l.split(p(1), Dir::Row, p(2), false));
        assert!(l.split(p(2), Dir::Column, p(3), false));
        l
    }

    #[test]
    fn split_and_close_give_the_room_back() {
        let l = three();
        assert_eq!(
            l.areas(RECT),
            vec![(p(1), Rect::new(0, 0, 40, 24)), (p(2), Rect::new(40, 0, 40, 12)), (p(3), Rect::new(40, 12, 40, 12))]
        );
        let l = l.remove(p(2)).unwrap();
        assert_eq!(l.areas(RECT), vec![(p(1), Rect::new(0, 0, 40, 24)), (p(3), Rect::new(40, 0, 40, 24))]);
        let l = l.remove(p(1)).unwrap();
        assert_eq!(l.areas(RECT), vec![(p(3), RECT)]);
        assert_eq!(l.remove(p(3)), None);
    }

    #[test]
    fn neighbours() {
        let l = three();
        let none = |_| 0;
        assert_eq!(l.towards(RECT, p(1), Way::Right, |id| if id == p(3) { 0 } else { 1 }), Some(p(3)));
        assert_eq!(l.towards(RECT, p(1), Way::Right, none), Some(p(2)));
        assert_eq!(l.towards(RECT, p(2), Way::Down, none), Some(p(3)));
        assert_eq!(l.towards(RECT, p(2), Way::Left, none), Some(p(1)));
        assert_eq!(l.towards(RECT, p(2), Way::Up, none), Some(p(3)), "around the edge");
        assert_eq!(l.towards(RECT, p(1), Way::Up, none), None);
    }

    #[test]
    fn resize_moves_the_right_border() {
        let mut l = three();
        assert!(l.resize(RECT, p(1), Way::Right, 5));
        assert_eq!(l.areas(RECT)[0].1.width, 45);
        assert!(l.resize(RECT, p(3), Way::Left, 10), "at the edge the border behind moves");
        assert_eq!(l.areas(RECT)[0].1.width, 35);
        assert!(l.resize(RECT, p(3), Way::Up, 2));
        assert_eq!(l.areas(RECT)[1].1.height, 10);
        assert!(!l.resize(RECT, p(1), Way::Up, 2));
        assert!(l.resize(RECT, p(1), Way::Right, 500));
        assert_eq!(l.areas(RECT)[0].1.width, 77);
    }

    #[test]
    fn borders_are_where_panes_meet() {
        let b = three().borders(RECT);
        assert_eq!(b.len(), 2);
        assert!(b.iter().any(|b| b.rect == Rect::new(39, 0, 2, 24) && b.dir == Dir::Row));
        assert!(b.iter().any(|b| b.rect == Rect::new(40, 11, 40, 2) && b.dir == Dir::Column));
    }

    #[test]
    fn arranged() {
        for how in Even::ALL {
            let l = three().arrange(how);
            assert_eq!(l.panes(), vec![p(1), p(2), p(3)]);
        }
        let mut l = three();
        l.rotate();
        assert_eq!(l.panes(), vec![p(3), p(1), p(2)]);
        l.swap(p(3), p(2));
        assert_eq!(l.panes(), vec![p(2), p(1), p(3)]);
    }

    proptest! {
        #[test]
        fn areas_cover_and_never_overlap(
            ops in prop::collection::vec((0u8..6, 0u32..12, any::<bool>(), 0u16..40), 0..24),
            x in 0u16..4, y in 0u16..4, width in 1u16..90, height in 1u16..50,
        ) {
            let rect = Rect { x, y, width, height };
            let mut l = Node::Leaf(p(0));
            let mut next = 1;
            for (op, which, flag, by) in ops {
                let panes = l.panes();
                let pane = panes[which as usize % panes.len()];
                let dir = if flag { Dir::Row } else { Dir::Column };
                let way = [Way::Left, Way::Right, Way::Up, Way::Down][which as usize % 4];
                match op {
                    0 | 1 => { prop_assert!(l.split(pane, dir, p(next), by % 2 == 0)); next += 1; }
                    2 => l = l.clone().remove(pane).unwrap_or(Node::Leaf(p(0))),
                    3 => { l.resize(rect, pane, way, by); }
                    4 => l.rotate(),
                    _ => l = l.arrange(Even::ALL[which as usize % 5]),
                }
                l.towards(rect, l.panes()[0], way, |id| id.0 as usize);
                l.borders(rect);
            }
            let areas = l.areas(rect);
            let mut ids = l.panes();
            ids.sort();
            ids.dedup();
            prop_assert_eq!(ids.len(), areas.len());
            let mut count = vec![0u8; usize::from(width) * usize::from(height)];
            for (_, a) in areas {
                for row in a.y..a.bottom() {
                    for col in a.x..a.right() {
                        prop_assert!(row >= y && row < y + height && col >= x && col < x + width);
                        count[usize::from(row - y) * usize::from(width) + usize::from(col - x)] += 1;
                    }
                }
            }
            prop_assert!(count.iter().all(|c| *c == 1), "{:?}", l);
        }
    }
}
