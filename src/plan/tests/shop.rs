//! The shop's tables.

use super::*;

#[test]
fn the_shipped_shop_is_sound_and_a_broken_one_is_named() {
    let shop = shipped_shop().unwrap();
    for key in ["peek", "ti-6al-4v-eli", "cp-ti", "cocr", "316lvm", "316l", "al-6061"] {
        assert!(shop.materials.contains_key(key), "{key}");
        assert!(shop.stock.iter().any(|b| b.material == key), "stock of {key}");
    }
    assert!(shop.materials["316l"].implant_standard.is_empty());
    assert!(shop.stock.iter().any(|b| b.material == "peek" && b.size_mm == [200.0, 200.0, 60.0]));
    let texts = [
        include_str!("../../../pipelines/shop/machines.toml"),
        include_str!("../../../pipelines/shop/tools.toml"),
        include_str!("../../../pipelines/shop/materials.toml"),
        include_str!("../../../pipelines/shop/stock.toml"),
    ];
    let read = |file: usize, from: &str, to: &str| {
        let mut now = texts.map(String::from);
        assert!(now[file].contains(from), "{from} is in file {file}");
        now[file] = now[file].replacen(from, to, 1);
        read_shop(&now[0], &now[1], &now[2], &now[3]).unwrap_err().to_string()
    };
    assert!(read(1, "diameter_mm = 8.0", "diameter_mm = -8.0").contains("T1: diameter_mm"));
    assert!(read(1, "number = 2\n", "number = 1\n").contains("number 1"));
    assert!(read(1, "corner_radius_mm = 3.0", "corner_radius_mm = 2.0").contains("T11: corner_radius_mm"));
    assert!(
        read(2, "density_g_per_cm3 = 1.3", "density_g_per_cm3 = nan").contains("peek: density_g_per_cm3")
    );
    assert!(read(2, "density_g_per_cm3 = 1.3", "density = 1.3").contains("materials.toml"));
    assert!(read(3, "material = \"peek\"", "material = \"peak\"").contains("peak"));
}

#[test]
fn prices_are_optional_and_no_price_is_negative() {
    assert_eq!(read_prices("").unwrap(), Default::default());
    let text = "currency = \"EUR\"\nmachine_per_hour = 90.0\n[tool.11]\nprice_each = 50.0\nlife_min = 90.0\n";
    assert_eq!(read_prices(text).unwrap().tool["11"].life_min, Some(90.0));
    assert!(read_prices("setup_each = -1.0").unwrap_err().to_string().contains("setup_each"));
    assert!(read_prices("[tool.1]\nlife_min = 0.0").unwrap_err().to_string().contains("tool.1.life_min"));
    assert!(read_prices("machine_per_day = 1.0").is_err());
}

#[test]
fn the_shipped_folder_reads_as_what_the_binary_carries() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/shop");
    assert_eq!(read_shop_folder(&folder).unwrap(), shipped_shop().unwrap());
    let missing = read_shop_folder(&folder.join("nowhere")).unwrap_err().to_string();
    assert!(missing.contains("machines.toml"), "{missing}");
}
