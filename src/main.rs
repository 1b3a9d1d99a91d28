fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--version"] => println!("thub {}", thub::proto::hello::BUILD),
        ["agent", "--stdio"] => {
            use std::io::{Read, Write};
            let mut out = std::io::stdout();
            let _ = out.write_all(thub::proto::hello::banner().as_bytes()).and_then(|()| out.flush());
            let _ = std::io::copy(&mut std::io::stdin().by_ref(), &mut out);
        }
        _ => {}
    }
}
