//! The codes of the interface as the enums of [`crate::facts`].
//!
//! Each function answers `None` for a code that is not in the value domain, and [`Stated::Nothing`] for
//! one that says "not stated". Only tables that do not contradict each other are read here; where
//! one code has two meanings by region, the caller must have mapped it.

use crate::facts::{
    AllergySeverity, CutClass, HospitalLevel, Maternity, Route, Sex, SkinTest, Title, VisitKind,
};
use crate::way::Way;

/// What a code of a value domain says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stated<T> {
    /// It names this.
    As(T),
    /// It says that nothing is stated.
    Nothing,
}

impl<T> Stated<T> {
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Stated::As(value) => Some(value),
            Stated::Nothing => None,
        }
    }
}

/// `gend`, GB/T 2261.1.
pub(crate) fn sex(code: &str) -> Option<Stated<Sex>> {
    match code {
        "1" | "男" => Some(Stated::As(Sex::Male)),
        "2" | "女" => Some(Stated::As(Sex::Female)),
        "0" | "9" => Some(Stated::Nothing),
        _ => None,
    }
}

/// `matn_stas`, the national table. Another table in use gives `1` the opposite meaning.
pub(crate) fn maternity(code: &str) -> Option<Stated<Maternity>> {
    match code {
        "0" => Some(Stated::Nothing),
        "1" => Some(Stated::As(Maternity::Neither)),
        "2" => Some(Stated::As(Maternity::Planning)),
        "3" => Some(Stated::As(Maternity::Pregnant)),
        "4" => Some(Stated::As(Maternity::Breastfeeding)),
        _ => None,
    }
}

/// `matn_stas` in the words of the tables, which do not contradict each other.
pub(crate) fn maternity_word(word: &str) -> Option<Stated<Maternity>> {
    match word {
        "未知" | "其他" => Some(Stated::Nothing),
        "非妊娠期或哺乳期" => Some(Stated::As(Maternity::Neither)),
        "近期有生育计划" => Some(Stated::As(Maternity::Planning)),
        "妊娠期" => Some(Stated::As(Maternity::Pregnant)),
        "哺乳期" => Some(Stated::As(Maternity::Breastfeeding)),
        _ => None,
    }
}

/// `drord_dr_profttl`: the two tables in use share no code, so both are read.
pub(crate) fn title(code: &str) -> Option<Stated<Title>> {
    let title = match code {
        "231" | "5" | "主任医师" => Title::Senior,
        "232" | "4" | "副主任医师" => Title::AssociateSenior,
        "233" | "3" | "主治医师" | "主诊医师" => Title::Intermediate,
        "234" | "2" | "医师" | "住院医师" => Title::Junior,
        "235" | "1" | "医士" => Title::Assistant,
        "6" | "无" => Title::Untitled,
        "9" | "其他" => return Some(Stated::Nothing),
        _ => return None,
    };
    Some(Stated::As(title))
}

/// `med_mdtrt_type`; emergency and internet are told by flags of their own.
pub(crate) fn visit(code: &str) -> Option<Stated<VisitKind>> {
    match code {
        "1" | "01" | "门诊" => Some(Stated::As(VisitKind::Outpatient)),
        "2" | "02" | "住院" => Some(Stated::As(VisitKind::Inpatient)),
        "3" | "03" | "购药" => Some(Stated::As(VisitKind::Pharmacy)),
        "4" | "04" | "其他" => Some(Stated::Nothing),
        _ => None,
    }
}

/// `med_type` where it says more than `med_mdtrt_type`: emergency.
pub(crate) fn is_emergency(med_type: &str) -> bool {
    matches!(med_type, "13" | "1301")
}

/// `med_type` of a registered outpatient chronic disease.
pub(crate) fn is_chronic(med_type: &str) -> bool {
    matches!(med_type, "14" | "9901" | "990101")
}

/// `dscg_way`, 离院方式: 2 and 3 lead into another institution.
pub(crate) fn is_transfer(way: &str) -> bool {
    matches!(way.trim_start_matches('0'), "2" | "3")
}

/// `drord_type`: a standing order, or one for the moment. What is kept in reserve is neither.
pub(crate) fn is_standing(code: &str) -> Option<bool> {
    match code {
        "2" | "长期医嘱" => Some(true),
        "1" | "临时医嘱" => Some(false),
        _ => None,
    }
}

/// `medins_lv`, the fourteen-step table.
pub(crate) fn hospital_level(code: &str) -> Option<Stated<HospitalLevel>> {
    let level = match code.trim_start_matches('0') {
        "1" | "2" | "3" | "4" | "12" => HospitalLevel::Tertiary,
        "5" | "6" | "7" | "13" => HospitalLevel::Secondary,
        "8" | "9" | "10" | "14" => HospitalLevel::Primary,
        "11" | "无等级" => HospitalLevel::None,
        word if word.starts_with("三级") => HospitalLevel::Tertiary,
        word if word.starts_with("二级") => HospitalLevel::Secondary,
        word if word.starts_with("一级") => HospitalLevel::Primary,
        _ => return None,
    };
    Some(Stated::As(level))
}

/// `drug_used_way_code` or the words for it.
pub(crate) fn route(code: &str) -> Option<Stated<Route>> {
    let route = match code {
        "1" | "3" | "口服" | "舌下" | "舌下含服" | "PO" | "po" => Route::Oral,
        "4" | "401" | "402" | "403" | "404" | "皮下注射" | "皮内注射" | "肌肉注射" | "肌注"
        | "静脉注射" | "静脉滴注" | "静滴" | "静注" => Route::Injection,
        "5" | "吸入" | "雾化吸入" => Route::Inhaled,
        "2" | "9" | "601" | "602" | "603" | "604" | "606" | "直肠给药" | "气管内用药" | "其他"
        | "其他给药途径" => Route::Other,
        "6" | "605" | "607" | "608" | "609" | "610" | "611" | "612" | "699" | "外用" | "滴眼"
        | "滴鼻" | "喷喉" | "含化" => Route::Topical,
        text => Way::parse(text)?.route(),
    };
    Some(Stated::As(route))
}

/// `skin_test_rslt`, in words; the standard's `skintst_dicm` only says whether a test is asked for.
pub(crate) fn skin_test(code: &str) -> Option<Stated<SkinTest>> {
    let result = match code {
        "-" | "(-)" | "阴性" => SkinTest::Negative,
        "+" | "(+)" | "阳性" => SkinTest::Positive,
        "待判" | "待皮试" => SkinTest::Pending,
        "免试" | "续用" => SkinTest::Waived,
        _ => return None,
    };
    Some(Stated::As(result))
}

/// `algs_sev`.
pub(crate) fn allergy_severity(code: &str) -> Option<Stated<AllergySeverity>> {
    let severity = match code {
        "1" | "轻" | "轻度" => AllergySeverity::Mild,
        "2" | "中" | "中度" => AllergySeverity::Moderate,
        "3" | "重" | "重度" | "严重" => AllergySeverity::Severe,
        "0" | "9" => return Some(Stated::Nothing),
        _ => return None,
    };
    Some(Stated::As(severity))
}

/// `sinc_type`, as digits or Roman numerals.
pub(crate) fn cut_class(code: &str) -> Option<Stated<CutClass>> {
    let class = match code {
        "0" => CutClass::None,
        "1" | "I" | "Ⅰ" => CutClass::Clean,
        "2" | "II" | "Ⅱ" => CutClass::CleanContaminated,
        "3" | "III" | "Ⅲ" => CutClass::Contaminated,
        "9" => return Some(Stated::Nothing),
        _ => return None,
    };
    Some(Stated::As(class))
}

/// The Chinese name of an element at the end of a path; other elements are shown by their path.
pub(crate) fn element_zh(path: &str) -> Option<&'static str> {
    let name = match path.rsplit_once('.').map_or(path, |(_, element)| element) {
        "gend" => "患者性别",
        "brdy" => "出生日期",
        "med_mdtrt_type" => "就诊类型",
        "drord_dr_profttl" => "医师职称",
        "orders" => "处方明细",
        "hilist_code" => "医保目录代码",
        "hosplist_code" => "药品目录中的对应药品",
        "drug_ingd" => "药品成分",
        "drug_used_sdose" => "单次剂量",
        "first_sdose" => "首剂",
        "step_sdose" => "递增、递减或范围",
        "drug_used_dosunt" => "剂量单位",
        "drug_used_frqu" => "用药频次",
        "day_cnt_max" => "每日最多次数",
        "cnt" => "数量",
        "cnt_unt" => "数量单位",
        "spec" => "规格",
        "atc" => "药品目录中的ATC编码",
        "tier" => "抗菌药物级别",
        "diagnoses" => "诊断",
        "dise_codg" => "诊断编码",
        "fees" => "费用明细",
        "surgeries" => "手术",
        "oprn_oprt_code" => "手术编码",
        "oprn_oprt_begntime" => "手术开始时间",
        "history" => "既往记录",
        "allergies" => "过敏史",
        "labs" => "检验结果",
        "egfr" => "有效期内的肾功能（eGFR）",
        "crcl" => "有效期内的肌酐清除率或血肌酐",
        "alt" => "有效期内的肝功能（ALT或AST）",
        "bilirubin" => "有效期内的总胆红素",
        "child_pugh" => "Child-Pugh分级",
        "ref_val_up" => "检验参考值上限",
        "exam_unt" => "检验单位",
        "grpno" => "输液组号",
        "slvt_flag" => "溶媒",
        "wt" => "体重",
        "wt_date" => "体重测量日期",
        "heit" => "身高",
        "matn_stas" => "妊娠哺乳状态",
        "geso_val" => "孕周",
        "medins_lv" => "医疗机构等级",
        "insutype" => "险种",
        "drug_used_way_code" | "drug_used_way_name" => "给药途径",
        "medc_days" => "用药天数",
        "drord_begn_date" => "开始时间",
        "drord_stop_date" => "停止时间",
        "drord_bhvr" => "能读出的医嘱行为（是否出院带药）",
        "sumamt" => "金额",
        "rights" => "处方权",
        "skin_test_rslt" => "皮试结果",
        "drip_spd" | "pump_spd" => "滴速",
        "drip_min" => "输注时间",
        "body_site" => "部位",
        "pain_file_flag" => "麻精药品专用病历登记",
        "rxno" => "处方号",
        "usual_dose" => "药品目录中的一次常用量",
        "max_day" => "药品目录中的每日极量",
        "begntime" => "就诊时间",
        "age" => "以日或月计的年龄",
        "pric" => "单价",
        "fee_ocur_time" => "费用发生时间",
        "endtime" | "dscg_date" => "出院时间",
        "stays" => "既往就诊记录",
        "attst_flag" => "医师对限定条件的确认",
        "since" => "既往记录的起始日期",
        "opsp_flag" => "门诊慢特病标志",
        "opsp_dise_codes" => "认定病种",
        "guardian_flag" => "监护人与专科医师在场的确认",
        "spclst_flag" => "专科医师标志",
        "adm_dept_codg" => "就诊科室",
        "cnslt_flag" => "会诊或审核意见",
        "sets" => "停用的命名集合（rules set list）",
        _ => return None,
    };
    Some(name)
}
