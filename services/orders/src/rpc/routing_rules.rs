//! `StationService.ListRoutingRules`, `PutRoutingRule`, `DeleteRoutingRule` and `ExplainRoute`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{
    DeleteRoutingRuleRequest, DeleteRoutingRuleResponse, ExplainRouteRequest, ExplainRouteResponse,
    ListRoutingRulesRequest, ListRoutingRulesResponse, PutRoutingRuleRequest, PutRoutingRuleResponse,
};

use super::put_station::revise;
use super::{Api, given, reach};
use crate::domain::routing::route;
use crate::domain::station::put_rule;
use crate::error::OrdersError;
use crate::events::of_rule;
use crate::store::{id, station};

/// The rules of a location, in the order in which they are tried.
pub async fn list(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &ListRoutingRulesRequest,
) -> Result<ListRoutingRulesResponse, Error> {
    let open = api.open(unit, &request.location_id).await?;
    Ok(ListRoutingRulesResponse {
        rules: open.kitchen.rules.clone(),
    })
}

/// Creates or changes a rule.
pub async fn put(
    _: &Api,
    unit: &mut UnitOfWork,
    request: &PutRoutingRuleRequest,
) -> Result<PutRoutingRuleResponse, Error> {
    let new = given(&request.rule, "rule")?;
    let kitchen = revise(unit, id(&new.location_id)?).await?;
    let tenant = unit.tenant()?;
    let known = station::find_rule(unit.conn().await?, tenant, id(&new.id)?).await?;
    let deleted_version = match &known {
        Some((rule, false)) if rule.location_id != new.location_id => {
            return Err(OrdersError::Fixed {
                field: "rule.location_id".to_owned(),
            }
            .into());
        }
        Some((rule, true)) => rule.version,
        _ => 0,
    };
    let mut rule = put_rule(&kitchen, new, request.update_mask.as_ref(), request.expected_version)?;
    // A rule that comes back goes on counting.
    rule.version += deleted_version;
    station::put_rule(unit.conn().await?, tenant, &rule, false).await?;
    unit.append(of_rule(&rule, false)?);
    Ok(PutRoutingRuleResponse { rule: Some(rule) })
}

/// Deletes a rule.
pub async fn delete(
    _: &Api,
    unit: &mut UnitOfWork,
    request: &DeleteRoutingRuleRequest,
) -> Result<DeleteRoutingRuleResponse, Error> {
    let (tenant, key) = (unit.tenant()?, id(&request.rule_id)?);
    let found = station::find_rule(unit.conn().await?, tenant, key).await?;
    let Some((rule, false)) = found else {
        return Err(OrdersError::RuleNotFound.into());
    };
    let location = id(&rule.location_id)?;
    reach(unit, location, OrdersError::RuleNotFound)?;
    let kitchen = revise(unit, location).await?;
    // Read again now that nobody else changes it.
    let rule = kitchen.rules.into_iter().find(|one| one.id == rule.id);
    let mut rule = rule.ok_or(OrdersError::RuleNotFound)?;
    rule.version += 1;
    station::put_rule(unit.conn().await?, tenant, &rule, true).await?;
    unit.append(of_rule(&rule, true)?);
    Ok(DeleteRoutingRuleResponse {})
}

/// Where an item would be made, and why there.
pub async fn explain(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &ExplainRouteRequest,
) -> Result<ExplainRouteResponse, Error> {
    let open = api.open(unit, &request.location_id).await?;
    let missing = || OrdersError::MenuItemNotFound {
        field: "menu_item_id".to_owned(),
    };
    let item = open.menu.items.get(&request.menu_item_id).ok_or_else(missing)?;
    for (index, modifier) in request.modifier_ids.iter().enumerate() {
        if open.menu.modifier(item, modifier).is_none() {
            return Err(OrdersError::ModifierNotOffered {
                field: format!("modifier_ids[{index}]"),
            }
            .into());
        }
    }
    let modifiers: Vec<&str> = request.modifier_ids.iter().map(String::as_str).collect();
    let route = route(&open.kitchen, &open.menu, item, &modifiers, request.dining_option())?;
    Ok(ExplainRouteResponse { route: Some(route) })
}
